use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::records::dns::{A, AAAA, Message, TXT, question, written};

fn addresses(message: &Message) -> Vec<(String, u32)> {
    let message = parse(&message.0).unwrap();
    message.resolved().map(|(ip, ttl)| (ip.to_string(), ttl)).collect()
}

#[test]
fn a_question_is_read() {
    let message = parse(&question(0x1234, "WWW.Example.com", AAAA).0).unwrap();
    let asked = message.question.unwrap();
    assert_eq!((&*asked.name, asked.record_type, asked.class), ("www.example.com", AAAA, 1));
    assert_eq!((message.id, message.is_response, message.opcode), (0x1234, false, 0));
    assert_eq!(*message.flags, ["RD"]);
    assert_eq!(type_name(asked.record_type), "AAAA");
    assert_eq!(type_name(65_280), "TYPE65280");
    assert_eq!((class_name(1), opcode_name(0)), ("IN".to_owned(), "QUERY".to_owned()));
    assert_eq!((response_name(0), response_name(3)), ("NOERROR".into(), "NXDOMAIN".into()));
}

#[test]
fn names_that_are_no_names_are_written_safely() {
    let asked = |name: &str| parse(&question(1, name, A).0).unwrap().question.unwrap().name;
    assert_eq!(&*asked(""), ".");
    assert_eq!(&*asked("\u{1b}[31m.a\n"), "\\027[31m.a\\010");
    let mut dotted = question(1, "", A).0;
    // One label of three bytes, the middle one a dot.
    dotted.splice(12..13, [3, b'a', b'.', b'B', 0]);
    assert_eq!(&*parse(&dotted).unwrap().question.unwrap().name, "a\\.b");
}

#[test]
fn addresses_belong_to_the_name_that_was_asked_for() {
    let asked = question(7, "Shop.example", A).answered(0);
    let direct = asked.clone().v4("shop.example", 60, [192, 0, 2, 1]);
    let direct = direct.v4("SHOP.example", 0, [192, 0, 2, 2]);
    assert_eq!(addresses(&direct), [("192.0.2.1".to_owned(), 60), ("192.0.2.2".to_owned(), 0)]);
    let through = asked.clone().alias("shop.example", "a.example").alias("a.example", "b.example");
    let through = through.v4("b.example", 60, [192, 0, 2, 3]);
    assert_eq!(addresses(&through), [("192.0.2.3".to_owned(), 60)]);
    // In any order.
    let turned = asked.clone().v4("b.example", 60, [192, 0, 2, 3]);
    let turned = turned.alias("a.example", "b.example").alias("shop.example", "a.example");
    assert_eq!(addresses(&turned).len(), 1);
    // What is slipped in for another name is not.
    let slipped = asked.clone().v4("bank.example", 60, [192, 0, 2, 4]);
    assert_eq!(addresses(&slipped), []);
    let circle = asked.alias("shop.example", "a.example").alias("a.example", "shop.example");
    assert_eq!(addresses(&circle), []);
}

#[test]
fn addresses_of_both_families() {
    let six: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let asked = question(7, "six.example", AAAA).answered(0);
    let told = asked.clone().with("six.example", AAAA, 5, &six.octets());
    assert_eq!(addresses(&told), [("2001:db8::7".to_owned(), 5)]);
    let mapped = Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped();
    let told = asked.with("six.example", AAAA, 5, &mapped.octets());
    assert_eq!(addresses(&told), [("192.0.2.9".to_owned(), 5)]);
}

#[test]
fn text_is_kept_within_its_limit() {
    let long = [&[200][..], &[b'x'; 200], &[100], &[b'y'; 100]].concat();
    let told = question(7, "t.example", TXT).answered(0).with("t.example", TXT, 5, &long);
    let message = parse(&told.0).unwrap();
    let DnsData::Text(text) = &message.answers[0].data else { panic!("another sort") };
    assert_eq!(**text, [&[b'x'; 200][..], &[b'y'; 55]].concat());
    let DnsAct { .. } = act(Some(message));
}

fn act(message: Option<DnsMessage>) -> DnsAct {
    let socket = crate::event::SocketAct {
        destination: crate::event::Address::Ip(Ipv4Addr::LOCALHOST.into(), 53),
        given: None,
        source: None,
        protocol: 17,
        socket_type: 2,
        repeats: 0,
        names: crate::event::Fact::Unknown(crate::event::Reason::NotApplicable),
        peer: crate::event::Fact::Unknown(crate::event::Reason::NotApplicable),
        service: crate::event::Fact::Unknown(crate::event::Reason::NotApplicable),
    };
    DnsAct { socket, total: 0, message, asked: false }
}

#[test]
fn what_it_takes_is_counted() {
    let told = question(7, "t.example", TXT).answered(0).with("t.example", TXT, 5, b"\x02ab");
    let message = parse(&told.0).unwrap();
    assert_eq!(act(Some(message)).text_bytes(), 9 + size_of::<DnsRecord>() + 9 + 2);
    assert_eq!(act(None).text_bytes(), 0);
}

#[test]
fn what_was_cut_or_is_too_much_is_said() {
    let mut told = question(7, "a.example", A).answered(0);
    for last in 0..80 {
        told = told.v4("a.example", 60, [192, 0, 2, last]);
    }
    let message = parse(&told.0).unwrap();
    assert_eq!((message.answers.len(), message.is_cut), (DNS_ANSWERS, true));
    let whole = question(7, "a.example", A).answered(0).v4("a.example", 60, [1; 4]);
    let whole = whole.v4("a.example", 60, [2; 4]);
    assert!(!parse(&whole.0).unwrap().is_cut);
    let cut = parse(&whole.0[..whole.0.len() - 1]).unwrap();
    assert_eq!((cut.answers.len(), cut.is_cut), (1, true));
}

#[test]
fn what_is_no_message_is_none() {
    let whole = question(7, "a.example", A).0;
    for length in 0..whole.len() {
        assert_eq!(parse(&whole[..length]), None, "{length} bytes");
    }
    // A name that points at itself.
    let mut endless = question(7, "", A).0;
    endless.splice(12..13, [0xc0, 12]);
    assert_eq!(parse(&endless), None);
    let mut none = written("");
    none.splice(0..1, [0; 12]);
    assert_eq!(parse(&none).unwrap().question, None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Some(message) = parse(&bytes) {
            prop_assert!(message.answers.len() <= DNS_ANSWERS);
            prop_assert!(message.resolved().count() <= DNS_ANSWERS);
        }
    }

    /// Bytes that are changed within a message are less readily refused.
    #[test]
    fn any_change_is_a_message_or_none(
        changes in proptest::collection::vec((12_usize..90, any::<u8>()), 1..6),
    ) {
        let told = question(7, "shop.example", A).answered(0).alias("shop.example", "a.example");
        let mut bytes = told.v4("a.example", 60, [192, 0, 2, 3]).0;
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if let Some(message) = parse(&bytes) {
            prop_assert!(message.resolved().count() <= 1);
        }
    }
}
