use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use super::{super::hello::Mutual, super::packet::tests::packet, super::tap::Direct, *};

const SOON: Duration = Duration::from_millis(300);

/// Gives packets once.
struct Given(Vec<Vec<u8>>);

impl Tap for Given {
    fn open(&mut self, _: Network, _: &[u16]) -> Result<Vec<IpAddr>, String> {
        Ok(vec!["10.0.0.2".parse().unwrap()])
    }
    fn take(&mut self) -> Result<Vec<Vec<u8>>, String> {
        Ok(std::mem::take(&mut self.0))
    }
    fn close(&mut self) {}
}

/// Cannot be opened.
struct Refused;

impl Tap for Refused {
    fn open(&mut self, _: Network, _: &[u16]) -> Result<Vec<IpAddr>, String> {
        Err("no".to_owned())
    }
    fn take(&mut self) -> Result<Vec<Vec<u8>>, String> {
        unreachable!("it is not open")
    }
    fn close(&mut self) {}
}

fn listener(address: &str, port: u16) -> Listener {
    Listener::at("tcp", address, port)
}

fn spoken(server: &str) -> Vec<Vec<u8>> {
    let client = "10.0.0.1:5000";
    vec![
        packet((client, server), 1, 2, b""),
        packet((server, client), 1, 18, b""),
        packet((client, server), 2, 16, b"GET /"),
        packet((server, client), 2, 16, b"HTTP/1.1 200"),
    ]
}

fn heard(tap: impl Tap + 'static, mut listeners: Vec<Listener>) -> Vec<Heard> {
    let mut traffic = Traffic::start(vec![Box::new(tap)], SOON).unwrap();
    traffic.hear(&mut listeners);
    traffic.wait(SOON * 20);
    traffic.hear(&mut listeners);
    listeners.into_iter().map(|it| it.heard).collect()
}

#[test]
fn a_connection_is_that_of_the_listener_that_took_it() {
    let all = ["0.0.0.0", "10.0.0.2", "10.0.0.3", "::"];
    let listeners: Vec<Listener> = all.iter().map(|it| listener(it, 80)).collect();
    let classes = |server: &str, of: &[Listener]| -> Vec<bool> {
        let heard = heard(Given(spoken(server)), of.to_vec());
        heard.iter().map(|it| it.class.is_some()).collect()
    };
    assert_eq!(classes("10.0.0.2:80", &listeners), [false, true, false, false]);
    assert_eq!(classes("127.0.0.9:80", &listeners), [true, false, false, false]);
    assert_eq!(classes("127.0.0.9:80", &listeners[1..]), [false, false, true]);
    // It only passes through.
    assert_eq!(classes("10.0.0.9:80", &listeners), [false; 4]);
    assert_eq!(classes("10.0.0.2:81", &listeners), [false; 4]);
}

#[test]
fn why_it_is_not_known_is_said() {
    let said = |heard: Vec<Heard>| heard[0].unknown();
    assert_eq!(said(heard(Refused, vec![listener("0.0.0.0", 80)])), "no");
    let none = heard(Given(Vec::new()), vec![listener("0.0.0.0", 80)]);
    assert!(none[0].listened >= SOON, "{none:?}");
    assert_eq!(said(none), "no connection to it was seen to begin");
    assert_eq!(Heard::default().unknown(), "it was not listened to");
}

#[test]
fn who_answers_without_tls_once_is_plaintext_whatever_follows() {
    let tls = |mutual| Some(Class::Tls { version: 0x303, mutual });
    let (plain, asked, unseen) = (Some(Class::Plaintext), tls(Mutual::Asked), tls(Mutual::Unseen));
    for (known, new, expected) in [
        (None, asked, asked),
        (asked, None, asked),
        (asked, plain, plain),
        (plain, asked, plain),
        (asked, unseen, asked),
        (unseen, asked, asked),
    ] {
        assert_eq!(better(known, new), expected);
    }
}

/// A real socket, over loopback. It takes root.
#[test]
fn what_passes_is_heard() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = TcpListener::bind(address).unwrap();
        let place = server.local_addr().unwrap();
        let network = std::os::unix::fs::MetadataExt::ino(
            &std::fs::metadata("/proc/thread-self/ns/net").unwrap(),
        );
        let any = if place.is_ipv4() { "0.0.0.0" } else { "::" };
        let mut listeners = vec![Listener { network, ..listener(any, place.port()) }];
        let mut traffic =
            Traffic::start(vec![Box::new(Direct::default())], Duration::from_secs(20)).unwrap();
        traffic.hear(&mut listeners);
        std::thread::sleep(SOON);
        let mut client = TcpStream::connect(place).unwrap();
        let (mut served, _) = server.accept().unwrap();
        client.write_all(b"PING\r\n").unwrap();
        served.read_exact(&mut [0; 6]).unwrap();
        served.write_all(b"PONG\r\n").unwrap();
        traffic.wait(Duration::from_secs(10));
        traffic.hear(&mut listeners);
        assert_eq!(listeners[0].heard.class, Some(Class::Plaintext), "{listeners:?}");
        assert_eq!(listeners[0].heard.connections, 1);
        assert!(listeners[0].heard.listened < Duration::from_secs(10), "it is closed at once");
    }
}
