use std::io::BufReader;

use super::{
    protocol::{Said, publish, read, size},
    *,
};

/// All that is said, up to what cannot be read.
fn said(text: &[u8]) -> (Vec<Said>, String) {
    // In pieces, as it may come.
    let mut from = BufReader::with_capacity(3, text);
    let mut all = Vec::new();
    loop {
        match read(&mut from) {
            Ok(said) => all.push(said),
            Err(error) => return (all, error.to_string()),
        }
    }
}

fn message(status: &str, payload: &str) -> Said {
    let (status, payload) = (status.to_owned(), payload.as_bytes().to_owned());
    Said::Message { subject: "_INBOX.a.1".to_owned(), status, payload }
}

#[test]
fn what_a_server_says_is_read() {
    let end = "unexpected end of file";
    for (text, expected, why) in [
        ("PING\r\npong\r\n+OK\r\n", vec![Said::Ping, Said::Pong, Said::Ok], end),
        ("INFO {\"a\": 1} \r\n", vec![Said::Info("{\"a\": 1}".to_owned())], end),
        ("-ERR 'No such'\r\n", vec![Said::Error("No such".to_owned())], end),
        ("MSG _INBOX.a.1 1 3\r\na\r\n\r\nPING\r\n", vec![message("", "a\r\n"), Said::Ping], end),
        ("MSG _INBOX.a.1 1 r 0\r\n\r\n", vec![message("", "")], end),
        ("HMSG _INBOX.a.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", vec![message("503", "")], end),
        ("HMSG _INBOX.a.1 1 12 14\r\nNATS/1.0\r\n\r\nab\r\n", vec![message("", "ab")], end),
        ("HMSG _INBOX.a.1 1 15 14\r\nNATS/1.0\r\n\r\nab\r\n", vec![], end),
        ("MSG _INBOX.a.1 1 3\r\nab", vec![], end),
        ("MSG _INBOX.a.1 1 99999999\r\n", vec![], "a message of it has no length"),
        ("MSG _INBOX.a.1 1 x\r\n", vec![], "a message of it has no length"),
        ("MSG\r\n", vec![], "a message of it has no length"),
        ("HTTP/1.1 400 Bad Request\r\n", vec![], "it does not speak NATS"),
        ("PIN", vec![], end),
    ] {
        let text = text.as_bytes();
        assert_eq!(said(text), (expected, why.to_owned()), "{}", String::from_utf8_lossy(text));
    }
    let endless = vec![b'x'; 1 << 20];
    assert_eq!(said(&endless), (vec![], "a line of it has no end".to_owned()));
}

#[test]
fn a_message_says_how_long_it_is() {
    let bytes = publish("a.b", "_INBOX.a.1", "s/nats/7", b"{}");
    let expected = "HPUB a.b _INBOX.a.1 35 37\r\nNATS/1.0\r\nNats-Msg-Id: s/nats/7\r\n\r\n{}\r\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    assert_eq!(size("s/nats/7", b"{}"), 37);
}

#[test]
fn answers_of_streams_are_told_apart() {
    let later = |why: &str| Ack::Later(why.to_owned());
    let nobody = "something answers that is no stream of JetStream";
    let full = "maximum bytes exceeded";
    for (status, payload, expected) in [
        ("", r#"{"stream":"S","seq":1}"#.to_owned(), Ack::Stored),
        ("", r#"{"stream":"S","seq":1,"duplicate":true,"domain":"d"}"#.to_owned(), Ack::Stored),
        ("503", String::new(), later("no stream takes messages of this subject")),
        ("", r#"{"stream":"S"}"#.to_owned(), later(nobody)),
        ("", "+ACK".to_owned(), later(nobody)),
        (
            "",
            format!(r#"{{"error":{{"code":503,"err_code":10077,"description":"{full}"}}}}"#),
            later("JetStream says: maximum bytes exceeded (503, 10077)"),
        ),
        (
            "",
            r#"{"error":{"code":400,"err_code":10054,"description":"too long"},"stream":"S"}"#
                .to_owned(),
            Ack::Refused("JetStream says: too long (400, 10054)".to_owned()),
        ),
    ] {
        assert_eq!(ack::read(status, payload.as_bytes()), expected, "{payload}");
    }
}

#[test]
fn ids_are_those_of_a_delivery() {
    let delivery = |sink| Delivery { sink, stream: "b-1", number: 7 };
    assert_eq!(id(delivery("nats"), 0), "b-1/nats/7");
    assert_eq!(id(delivery("nats"), 1), "b-1/nats/7/1");
    // Nothing of a name ends the header, or makes two of them one.
    assert_eq!(id(delivery("a/b\r\nc%"), 0), "b-1/a%2fb%0d%0ac%25/7");
}

#[test]
fn subjects_have_words() {
    let of = |text: &str| subject(text, "h.example *");
    assert_eq!(of("runmon.alerts"), Ok("runmon.alerts".to_owned()));
    assert_eq!(of("a.{host}"), Ok("a.h_example__".to_owned()));
    for text in ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\r\nPUB", "$JS.API", "a\tb"] {
        assert!(of(text).unwrap_err().contains("is no subject"), "{text}");
    }
    assert!(of(&"a".repeat(256)).is_err());
}
