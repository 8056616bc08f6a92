//! Messages of the domain name system: bytes of anyone's → what they ask or say. Total: any bytes
//! are a message or none. Names are in lower case and without a final dot.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use domain::{
    base::{Message, ParsedName, ParsedRecord, Rtype, iana::Opcode, iana::Rcode},
    rdata::{A, Aaaa, Cname, Ns, Ptr, Txt},
};

use crate::{
    event::SocketAct,
    limits::{DNS_ANSWERS, DNS_TEXT_BYTES},
};

/// A question to a name server, or its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsAct {
    /// The two ends: the name server is the destination of both.
    pub socket: SocketAct,
    /// Length of the message in bytes.
    pub total: u32,
    /// What it says; None where it is no such message.
    pub message: Option<DnsMessage>,
    /// Of an answer: the question was seen. One that nobody is known to have asked for tells no
    /// names.
    pub asked: bool,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// Number that goes back with the answer.
    pub id: u16,
    /// It says that it is an answer.
    pub is_response: bool,
    /// What is asked for: 0 is a query.
    pub opcode: u8,
    /// The flags that are set, as in `RD`.
    pub flags: Box<[&'static str]>,
    /// How the server fared: 0 is well.
    pub response_code: u8,
    /// What is asked.
    pub question: Option<DnsQuestion>,
    /// What is answered, [`DNS_ANSWERS`] at most.
    pub answers: Box<[DnsRecord]>,
    /// Further answers could not be read, or were too many.
    pub is_cut: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// Of which name.
    pub name: Arc<str>,
    /// For which type of record.
    pub record_type: u16,
    /// In which class; 1 is the internet.
    pub class: u16,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// Of which name.
    pub name: Arc<str>,
    /// Type of the record.
    pub record_type: u16,
    /// Class; 1 is the internet.
    pub class: u16,
    /// Seconds for which it may be kept.
    pub ttl: u32,
    /// What it says.
    pub data: DnsData,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsData {
    /// An address.
    Address(IpAddr),
    /// That it goes by another name.
    Alias(Arc<str>),
    /// Another name: a name server, a name of an address.
    Name(Arc<str>),
    /// Text, cut at [`DNS_TEXT_BYTES`].
    Text(Box<[u8]>),
    /// What is not looked into.
    Other,
}

/// The class of the internet.
const INTERNET: u16 = 1;

impl DnsAct {
    /// Bytes of the texts that it holds.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let Some(message) = &self.message else { return 0 };
        let question = message.question.as_ref().map_or(0, |question| question.name.len());
        let answers = message.answers.iter().map(|answer| {
            let data = match &answer.data {
                DnsData::Alias(name) | DnsData::Name(name) => name.len(),
                DnsData::Text(text) => text.len(),
                DnsData::Address(_) | DnsData::Other => 0,
            };
            size_of::<DnsRecord>() + answer.name.len() + data
        });
        question + answers.sum::<usize>()
    }
}

impl DnsMessage {
    /// The addresses that the answers give the name that was asked for, also where it goes by other
    /// names, with the seconds for which each may be kept.
    pub fn resolved(&self) -> impl Iterator<Item = (IpAddr, u32)> + '_ {
        let names = self.aliases();
        self.answers.iter().filter_map(move |answer| match answer.data {
            DnsData::Address(ip) if names.contains(&*answer.name) => Some((ip, answer.ttl)),
            _ => None,
        })
    }

    /// The name that was asked for, and those that it goes by.
    fn aliases(&self) -> HashSet<&str> {
        // An alias may stand before the one that leads to it.
        let mut targets: HashMap<&str, Vec<&str>> = HashMap::new();
        for answer in &self.answers {
            if let DnsData::Alias(target) = &answer.data {
                targets.entry(&answer.name).or_default().push(target);
            }
        }
        let mut next: Vec<&str> = self.question.iter().map(|question| &*question.name).collect();
        let mut names = HashSet::new();
        while let Some(name) = next.pop() {
            if names.insert(name) {
                next.extend(targets.get(name).into_iter().flatten());
            }
        }
        names
    }
}

/// Reads a message, of which there may be only the start. None if it is none.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<DnsMessage> {
    let message = Message::from_octets(bytes).ok()?;
    let header = message.header();
    let mut questions = message.question();
    let question = match questions.next() {
        Some(question) => {
            let question = question.ok()?;
            Some(DnsQuestion {
                name: name(question.qname()),
                record_type: question.qtype().to_int(),
                class: question.qclass().to_int(),
            })
        }
        None => None,
    };
    let (answers, is_cut) = answers(&message);
    let flags = [
        (header.aa(), "AA"),
        (header.tc(), "TC"),
        (header.rd(), "RD"),
        (header.ra(), "RA"),
        (header.ad(), "AD"),
        (header.cd(), "CD"),
    ];
    Some(DnsMessage {
        id: header.id(),
        is_response: header.qr(),
        opcode: header.opcode().to_int(),
        flags: flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect(),
        response_code: header.rcode().to_int(),
        question,
        answers,
        is_cut,
    })
}

/// The answers that can be read, and whether there are others.
fn answers(message: &Message<&[u8]>) -> (Box<[DnsRecord]>, bool) {
    let mut records = Vec::new();
    let Ok(section) = message.answer() else { return (Box::default(), true) };
    for record in section {
        match record.ok().and_then(|record| read(&record)) {
            Some(record) if records.len() < DNS_ANSWERS => records.push(record),
            _ => return (records.into(), true),
        }
    }
    (records.into(), false)
}

/// One answer; None where what it says cannot be read.
fn read<'a>(record: &ParsedRecord<'a, &'a [u8]>) -> Option<DnsRecord> {
    let class = record.class().to_int();
    Some(DnsRecord {
        name: name(&record.owner()),
        record_type: record.rtype().to_int(),
        class,
        ttl: record.ttl().as_secs(),
        // In other classes the same numbers mean other things.
        data: if class == INTERNET { data(record)? } else { DnsData::Other },
    })
}

fn data<'a>(record: &ParsedRecord<'a, &'a [u8]>) -> Option<DnsData> {
    Some(match record.rtype() {
        Rtype::A => DnsData::Address(record.to_record::<A>().ok()??.data().addr().into()),
        Rtype::AAAA => DnsData::Address(
            IpAddr::from(record.to_record::<Aaaa>().ok()??.data().addr()).to_canonical(),
        ),
        Rtype::CNAME => DnsData::Alias(name(record.to_record::<Cname<_>>().ok()??.data().cname())),
        Rtype::NS => DnsData::Name(name(record.to_record::<Ns<_>>().ok()??.data().nsdname())),
        Rtype::PTR => DnsData::Name(name(record.to_record::<Ptr<_>>().ok()??.data().ptrdname())),
        Rtype::TXT => {
            let record = record.to_record::<Txt<_>>().ok()??;
            let text = record.data().iter().flatten().copied().take(DNS_TEXT_BYTES);
            DnsData::Text(text.collect())
        }
        _ => DnsData::Other,
    })
}

/// A name as rules compare it. Bytes that are no letters of a name are written as `\123`.
fn name(name: &ParsedName<impl AsRef<[u8]>>) -> Arc<str> {
    let mut text = name.to_string();
    text.make_ascii_lowercase();
    // The root has no labels.
    if text.is_empty() { ".".into() } else { text.into() }
}

/// The name of a type of record, as in `AAAA`.
#[must_use]
pub fn type_name(number: u16) -> String {
    Rtype::from_int(number).to_string()
}

/// The name of a class.
#[must_use]
pub fn class_name(number: u16) -> String {
    domain::base::iana::Class::from_int(number).to_string()
}

/// What a server says of how it fared, as in `NXDOMAIN`.
#[must_use]
pub fn response_name(number: u8) -> String {
    let known = Rcode::checked_from_int(number).and_then(Rcode::to_mnemonic_str);
    known.map_or_else(|| number.to_string(), str::to_owned)
}

/// What a message is for, as in `QUERY`.
#[must_use]
pub fn opcode_name(number: u8) -> String {
    let known = Opcode::from_int(number).to_mnemonic_str();
    known.map_or_else(|| number.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
