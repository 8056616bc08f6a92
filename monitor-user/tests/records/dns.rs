//! Talk with name servers, as records.

use monitor_common::{Dns, Program, RecordKind};
use zerocopy::IntoBytes as _;

use super::{Record, Who};

pub const A: u16 = 1;
pub const CNAME: u16 = 5;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;

/// A message in the making.
#[derive(Clone, Debug)]
pub struct Message(pub Vec<u8>);

/// A question, written out.
pub fn question(id: u16, name: &str, record_type: u16) -> Message {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(written(name));
    bytes.extend(record_type.to_be_bytes());
    bytes.extend([0, 1]);
    Message(bytes)
}

impl Message {
    /// The same as an answer with a code of how the server fared.
    pub fn answered(mut self, code: u8) -> Self {
        self.0[2] |= 0x80;
        self.0[3] = 0x80 | code;
        self
    }

    /// With a further answer.
    pub fn with(mut self, name: &str, record_type: u16, ttl: u32, data: &[u8]) -> Self {
        let count = u16::from_be_bytes([self.0[6], self.0[7]]) + 1;
        self.0[6..8].copy_from_slice(&count.to_be_bytes());
        self.0.extend(written(name));
        self.0.extend(record_type.to_be_bytes());
        self.0.extend([0, 1]);
        self.0.extend(ttl.to_be_bytes());
        self.0.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.0.extend(data);
        self
    }

    pub fn v4(self, name: &str, ttl: u32, ip: [u8; 4]) -> Self {
        self.with(name, A, ttl, &ip)
    }

    pub fn alias(self, name: &str, of: &str) -> Self {
        self.with(name, CNAME, 60, &written(of))
    }
}

/// A name as labels.
pub fn written(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn mapped([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// Asks a name server at 192.0.2.53.
pub fn query(who: Who, socket_id: u64, message: &Message) -> Record {
    let body = Dns {
        socket_id,
        source: mapped([10, 0, 0, 2]),
        destination: mapped([192, 0, 2, 53]),
        source_port: 40_000,
        destination_port: 53,
        protocol: 17,
        message_total: u32::try_from(message.0.len()).unwrap(),
        message_len: u32::try_from(message.0.len()).unwrap(),
        ..Dns::default()
    };
    let program = Program::DnsEgress;
    Record::new(RecordKind::DnsQuery, program, who, body.as_bytes(), &[&message.0])
        .outcome(i32::MIN)
}

/// That server answers.
pub fn answer(who: Who, socket_id: u64, message: &Message) -> Record {
    let body = Dns {
        socket_id,
        source: mapped([192, 0, 2, 53]),
        destination: mapped([10, 0, 0, 2]),
        source_port: 53,
        destination_port: 40_000,
        protocol: 17,
        message_total: u32::try_from(message.0.len()).unwrap(),
        message_len: u32::try_from(message.0.len()).unwrap(),
        ..Dns::default()
    };
    let program = Program::DnsIngress;
    Record::new(RecordKind::DnsAnswer, program, who, body.as_bytes(), &[&message.0])
}

/// An answer that came by a socket of which nobody is known to have asked.
pub fn answer_to_nobody(cgroup: u64, socket_id: u64, message: &Message) -> Record {
    let nobody = Who { pid: 0, start_ns: 0, parent_pid: 0, parent_start_ns: 0, ..Who::new(0) };
    answer(nobody.in_cgroup(cgroup), socket_id, message).with(|header| {
        (header.uid, header.gid, header.euid, header.egid) =
            (u32::MAX, u32::MAX, u32::MAX, u32::MAX);
        header.comm = [0; 16];
    })
}
