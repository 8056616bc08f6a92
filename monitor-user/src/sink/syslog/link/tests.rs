use std::{
    io::Read as _,
    net::TcpListener,
    os::unix::net::{UnixDatagram, UnixListener},
    thread,
};

use super::*;
use crate::{reach::Direct, records::folder::Folder};

fn open(place: Place) -> Link {
    Link::open(&Receiver { place, tls: None, reach: Box::new(Direct) }).unwrap()
}

fn write_two(link: &mut Link) {
    assert!(link.write("<1>1 é".as_bytes()).unwrap());
    assert!(link.write(b"<2>1 b").unwrap());
    link.flush().unwrap();
}

/// What comes to the end of a stream.
fn whole(mut stream: impl io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    })
}

#[test]
fn messages_are_counted_on_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut link = open(Place::Tcp("127.0.0.1".to_owned(), port));
    let read = whole(listener.accept().unwrap().0);
    write_two(&mut link);
    link.look().unwrap();
    assert!(link.end(Duration::from_secs(9)).unwrap());
    assert_eq!(read.join().unwrap(), "7 <1>1 é6 <2>1 b");
}

#[test]
fn who_hangs_up_is_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut link = open(Place::Tcp("127.0.0.1".to_owned(), port));
    let (mut stream, _) = listener.accept().unwrap();
    io::Write::write_all(&mut stream, &[b'x'; 5000]).unwrap();
    // What it says is passed over.
    link.look().unwrap();
    drop(stream);
    while link.look().is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    // Of what it had not read it says so.
    let link = open(Place::Tcp("127.0.0.1".to_owned(), port));
    let (stream, _) = listener.accept().unwrap();
    assert!(!link.end(Duration::from_millis(20)).unwrap());
    let mut link = open(Place::Tcp("127.0.0.1".to_owned(), port));
    drop(stream);
    let (mut stream, _) = listener.accept().unwrap();
    write_two(&mut link);
    stream.read_exact(&mut [0; 1]).unwrap();
    drop(stream);
    assert!(link.end(Duration::from_secs(9)).is_err());
}

#[test]
fn messages_are_lines_on_a_unix_stream() {
    let folder = Folder::new("syslog-stream");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut link = open(Place::Unix(path));
    let read = whole(listener.accept().unwrap().0);
    write_two(&mut link);
    assert!(link.end(Duration::from_secs(9)).unwrap());
    assert_eq!(read.join().unwrap(), "<1>1 é\n<2>1 b\n");
}

#[test]
fn messages_are_datagrams_where_the_socket_takes_them() {
    let folder = Folder::new("syslog-datagrams");
    let path = folder.path().join("socket");
    let receiver = UnixDatagram::bind(&path).unwrap();
    let mut link = open(Place::Unix(path));
    write_two(&mut link);
    let mut buffer = [0; 32];
    for expected in ["<1>1 é", "<2>1 b"] {
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], *expected.as_bytes());
    }
    assert!(!link.write(&vec![b'x'; 1 << 24]).unwrap(), "it is too long");
    drop(receiver);
    link.write(b"x").unwrap_err();
}
