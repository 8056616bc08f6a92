use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, sync_channel},
};

use super::*;
use crate::records::folder::Folder;

/// A server that gives each connection the next of these answers; the heads of what it is asked.
fn serve(answers: Vec<Vec<&'static str>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = sync_channel(answers.len());
    std::thread::spawn(move || {
        for parts in answers {
            let (stream, _) = listener.accept().unwrap();
            sender.send(answer(stream, &parts)).unwrap();
        }
    });
    (server, asked)
}

fn answer(mut stream: TcpStream, parts: &[&str]) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0);
    }
    for part in parts {
        stream.write_all(part.as_bytes()).unwrap();
    }
    head
}

fn client(folder: &Folder, server: &str, kind: Kind) -> Client {
    let options = KubernetesOptions {
        server: server.to_owned(),
        token_file: folder.path().join("token"),
        ca_file: folder.path().join("ca.crt"),
        node: "n1".to_owned(),
        services: true,
    };
    Client::new(Arc::new(options), kind, Box::new(Direct))
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn each_request_has_the_token_of_its_time() {
    let folder = Folder::new("kubernetes-client");
    let (server, asked) = serve(vec![
        vec!["HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"],
        vec![CHUNKED, "2\r\n{}\r\n0\r\n\r\n"],
        vec![CHUNKED, "3\r\none\r\n", "4\r\n\ntwo\r\n", "1\r\n\n\r\n0\r\n\r\n"],
        // Nobody follows the token to another place.
        vec!["HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n"],
    ]);
    let mut pods = client(&folder, &server, Kind::Pods);
    let write = |token: &str| std::fs::write(folder.path().join("token"), token).unwrap();
    write("old\n");
    assert!(matches!(pods.list(None, false), Err(Trouble::Status { status: 401 })));
    write("new\n");
    assert!(pods.list(Some("a=b&c"), false).is_ok());
    let mut lines = pods.watch("7").unwrap();
    let mut line = Vec::new();
    for expected in ["one", "two"] {
        assert!(super::super::lines::next(&mut *lines, &mut line, 9).unwrap());
        assert_eq!(line, expected.as_bytes());
    }
    assert!(!super::super::lines::next(&mut *lines, &mut line, 9).unwrap());
    let mut services = client(&folder, &server, Kind::Services);
    assert!(matches!(services.list(None, true), Err(Trouble::Status { status: 302 })));
    let heads: Vec<String> = asked.iter().take(4).collect();
    let of_pods = "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1&limit=250";
    for (head, start, token) in [
        (&heads[0], format!("{of_pods}&resourceVersion=0 HTTP/1.1\r\n"), "old"),
        (&heads[1], format!("{of_pods}&continue=a%3Db%26c HTTP/1.1\r\n"), "new"),
        (
            &heads[2],
            "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1&watch=true&allowWatchBookmarks=true\
             &timeoutSeconds=290&resourceVersion=7 HTTP/1.1\r\n"
                .to_owned(),
            "new",
        ),
        (&heads[3], "GET /api/v1/services?limit=250 HTTP/1.1\r\n".to_owned(), "new"),
    ] {
        assert!(head.starts_with(&start), "{head}");
        assert!(head.contains(&format!("authorization: Bearer {token}\r\n")), "{head}");
    }
}

#[test]
fn what_is_missing_is_said_at_start() {
    let folder = Folder::new("kubernetes-files");
    let said = |server: &str| {
        let error = check(&client(&folder, server, Kind::Pods).options).unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "DIR")
    };
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert_eq!(said("http://127.0.0.1:1"), "cannot read DIR/token");
    for token in ["", "\n", "two words", "a\r\nevil: header"] {
        write("token", token);
        assert_eq!(said("http://127.0.0.1:1"), "there is no token in DIR/token");
    }
    write("token", "ey.J\n");
    assert!(check(&client(&folder, "http://127.0.0.1:1", Kind::Pods).options).is_ok());
    assert_eq!(said("https://127.0.0.1:1"), "cannot read DIR/ca.crt");
    write("ca.crt", "-----BEGIN NOTHING-----\n-----END NOTHING-----\n");
    assert_eq!(said("https://127.0.0.1:1"), "there is no certificate in DIR/ca.crt");
}

#[test]
fn who_does_not_answer_is_trouble() {
    let folder = Folder::new("kubernetes-nobody");
    let mut pods = client(&folder, "http://127.0.0.1:1", Kind::Pods);
    assert!(matches!(pods.list(None, false), Err(Trouble::File(why)) if why.contains("No such")));
    std::fs::write(folder.path().join("token"), "t").unwrap();
    assert!(matches!(pods.list(None, false), Err(Trouble::Connection(_))));
    let (server, _asked) = serve(vec![vec!["HTTP/9 what\r\n\r\n"]]);
    let mut pods = client(&folder, &server, Kind::Pods);
    assert!(matches!(pods.watch("1"), Err(Trouble::Connection(_))));
}
