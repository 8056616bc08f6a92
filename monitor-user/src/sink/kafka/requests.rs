//! What brokers are asked, and what they answer.

use std::{collections::HashMap, io};

use super::wire::{Reader, Writer};
use crate::sink::receiver::Place;

/// A kind of request, and its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind(pub(super) i16, pub(super) i16);

pub(super) const PRODUCE: Kind = Kind(0, 7);
pub(super) const METADATA: Kind = Kind(3, 4);
pub(super) const SASL_HANDSHAKE: Kind = Kind(17, 1);
pub(super) const INIT_PRODUCER_ID: Kind = Kind(22, 1);
pub(super) const SASL_AUTHENTICATE: Kind = Kind(36, 0);

/// Milliseconds in which all replicas must have what a broker is sent; less than what a connection
/// waits for an answer.
const REPLICATED_WITHIN: i32 = 8000;

/// A request with its length.
pub(super) fn request(kind: Kind, number: i32, body: &Writer) -> Vec<u8> {
    let mut head = Writer::default();
    head.i16(kind.0).i16(kind.1).i32(number).text("runmon");
    let mut whole = Writer::default();
    whole.length(head.0.len() + body.0.len()).raw(&head.0).raw(&body.0);
    whole.0
}

pub(super) fn metadata(topic: &str) -> Writer {
    let mut body = Writer::default();
    // A cluster that makes topics for who asks may make it.
    body.length(1).text(topic).i8(1);
    body
}

/// Who has what of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Where brokers are.
    pub(super) brokers: HashMap<i32, Place>,
    /// What is wrong with the topic, or 0.
    pub(super) error: i16,
    /// The broker of each partition, by number; below 0: there is none.
    pub(super) leaders: Vec<i32>,
}

pub(super) fn read_metadata(answer: &[u8]) -> io::Result<Cluster> {
    let mut answer = Reader(answer);
    answer.i32()?;
    let brokers = answer.list(|it| {
        let (id, host, port) = (it.i32()?, it.text()?, it.i32()?);
        it.text()?;
        Ok((id, Place::Tcp(host, u16::try_from(port).unwrap_or_default())))
    })?;
    answer.text()?;
    answer.i32()?;
    let topics = answer.list(|it| {
        let error = it.i16()?;
        it.text()?;
        it.bool()?;
        let partitions = it.list(|it| {
            it.i16()?;
            let (number, leader) = (it.i32()?, it.i32()?);
            it.list(Reader::i32)?;
            it.list(Reader::i32)?;
            Ok((number, leader))
        })?;
        Ok((error, partitions))
    })?;
    let (error, mut partitions) = topics.into_iter().next().unwrap_or_default();
    partitions.sort_unstable();
    let leaders = partitions.iter().map(|(_, leader)| *leader).collect();
    Ok(Cluster { brokers: brokers.into_iter().collect(), error, leaders })
}

pub(super) fn init_producer_id() -> Writer {
    let mut body = Writer::default();
    body.none().i32(0);
    body
}

/// The id and epoch of a producer, or what is wrong.
pub(super) fn read_producer_id(answer: &[u8]) -> io::Result<Result<(i64, i16), i16>> {
    let mut answer = Reader(answer);
    answer.i32()?;
    let (error, id, epoch) = (answer.i16()?, answer.i64()?, answer.i16()?);
    Ok(if error == 0 { Ok((id, epoch)) } else { Err(error) })
}

/// Records of partitions of a topic, which all replicas are to have before it is answered.
pub(super) fn produce<'r>(
    topic: &str,
    partitions: impl ExactSizeIterator<Item = (i32, &'r [u8])>,
) -> Writer {
    let mut body = Writer::default();
    body.none().i16(-1).i32(REPLICATED_WITHIN).length(1).text(topic).length(partitions.len());
    for (partition, records) in partitions {
        body.i32(partition).bytes(records);
    }
    body
}

/// What is wrong with each partition, or 0.
pub(super) fn read_produced(answer: &[u8]) -> io::Result<Vec<(i32, i16)>> {
    let topics = Reader(answer).list(|it| {
        it.text()?;
        it.list(|it| {
            let (partition, error) = (it.i32()?, it.i16()?);
            it.i64()?;
            it.i64()?;
            it.i64()?;
            Ok((partition, error))
        })
    })?;
    Ok(topics.into_iter().flatten().collect())
}

pub(super) fn sasl_handshake(mechanism: &str) -> Writer {
    let mut body = Writer::default();
    body.text(mechanism);
    body
}

/// What is wrong, or 0, and which mechanisms there are.
pub(super) fn read_sasl_handshake(answer: &[u8]) -> io::Result<(i16, Vec<String>)> {
    let mut answer = Reader(answer);
    Ok((answer.i16()?, answer.list(Reader::text)?))
}

pub(super) fn sasl_authenticate(bytes: &[u8]) -> Writer {
    let mut body = Writer::default();
    body.bytes(bytes);
    body
}

/// What is wrong, or 0, why, and what the broker says.
pub(super) fn read_sasl_authenticate(answer: &[u8]) -> io::Result<(i16, String, Vec<u8>)> {
    let mut answer = Reader(answer);
    Ok((answer.i16()?, answer.text()?, answer.bytes()?.to_owned()))
}
