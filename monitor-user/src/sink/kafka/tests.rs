use super::{
    requests::{read_metadata, read_produced, read_producer_id, request},
    wire::{Reader, Writer},
    *,
};
use crate::sink::receiver::Place;

#[test]
fn requests_say_what_they_are() {
    let mut body = Writer::default();
    body.i8(-1);
    let bytes = request(PRODUCE, 258, &body);
    assert_eq!(bytes, b"\0\0\0\x11\0\0\0\x07\0\0\x01\x02\0\x06runmon\xff");
    let produce = requests::produce("t", [(2, &b"ab"[..])].into_iter());
    let expected = b"\xff\xff\xff\xff\0\0\x1f\x40\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x02\0\0\0\x02ab";
    assert_eq!(produce.0, expected);
}

#[test]
fn numbers_of_any_length_are_as_kafka_has_them() {
    for (number, bytes) in [
        (0, &b"\0"[..]),
        (-1, b"\x01"),
        (1, b"\x02"),
        (63, b"\x7e"),
        (64, b"\x80\x01"),
        (-65, b"\x81\x01"),
        (i64::MAX, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (i64::MIN, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ] {
        let mut writer = Writer::default();
        writer.varint(number);
        assert_eq!(writer.0, bytes, "{number}");
    }
}

/// What a cluster of two brokers says of a topic of two partitions.
fn metadata() -> Vec<u8> {
    let mut answer = Writer::default();
    answer.i32(0).length(2);
    answer.i32(1).text("a").i32(9092).none();
    answer.i32(2).text("b").i32(9093).text("rack");
    answer.text("cluster").i32(1).length(1);
    answer.i16(0).text("t").i8(0).length(2);
    for (number, leader) in [(1, 1), (0, 2)] {
        answer.i16(0).i32(number).i32(leader).length(1).i32(1).length(0);
    }
    answer.0
}

#[test]
fn metadata_are_read_whole_or_not() {
    let whole = metadata();
    let cluster = read_metadata(&whole).unwrap();
    assert_eq!((cluster.error, &*cluster.leaders), (0, &[2, 1][..]));
    assert_eq!(cluster.brokers[&2], Place::Tcp("b".to_owned(), 9093));
    for length in 0..whole.len() {
        read_metadata(&whole[..length]).unwrap_err();
    }
    // As many as can be said, of which there is none.
    let lying = [0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    read_metadata(&lying).unwrap_err();
    assert_eq!(Reader(&[0xff; 4]).list(Reader::i32).unwrap(), [0; 0]);
}

#[test]
fn answers_are_read() {
    let mut answer = Writer::default();
    answer.i32(0).i16(0).i64(7).i16(3);
    assert_eq!(read_producer_id(&answer.0).unwrap(), Ok((7, 3)));
    let mut answer = Writer::default();
    answer.i32(0).i16(31).i64(-1).i16(-1);
    assert_eq!(read_producer_id(&answer.0).unwrap(), Err(31));
    let mut answer = Writer::default();
    answer.length(1).text("t").length(2);
    answer.i32(0).i16(0).i64(1).i64(-1).i64(0);
    answer.i32(1).i16(6).i64(-1).i64(-1).i64(-1);
    answer.i32(0);
    assert_eq!(read_produced(&answer.0).unwrap(), [(0, 0), (1, 6)]);
}

#[test]
fn errors_have_a_cure() {
    for (error, expected) in [
        (46, Cure::Nothing),
        (10, Cure::GiveUp),
        (18, Cure::GiveUp),
        (87, Cure::GiveUp),
        (45, Cure::NewProducer),
        (59, Cure::NewProducer),
        (90, Cure::NewProducer),
        (3, Cure::Again),
        (6, Cure::Again),
        (19, Cure::Again),
        (29, Cure::Again),
        (-1, Cure::Again),
        (9999, Cure::Again),
    ] {
        assert_eq!(cure(error), expected, "{error}");
    }
    assert_eq!(name(29), "this user may not write to the topic (29)");
    assert_eq!(name(9999), "error 9999");
}

#[test]
fn topics_have_plain_names() {
    assert_eq!(topic("runmon.alerts_1-a"), Ok("runmon.alerts_1-a".to_owned()));
    for text in ["", ".", "..", "a b", "é", &"a".repeat(250)] {
        assert!(topic(text).unwrap_err().contains("is no topic"), "{text}");
    }
}
