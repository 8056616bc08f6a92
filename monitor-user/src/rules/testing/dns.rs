//! What a test says of talk with name servers.

use monitor_rules::TestValue;

use super::{Set, assign, draft::Draft, value};
use crate::{
    dns::{DnsAct, DnsData, DnsMessage, DnsQuestion, DnsRecord, response_name, type_name},
    event::{Action, SocketAct},
};

const INTERNET: u16 = 1;
const ADDRESS: u16 = 1;
const ALIAS: u16 = 5;
const TEXT: u16 = 16;
const TTL: u32 = 300;

/// A question for an address, or its answer.
pub(super) fn blank(socket: SocketAct, is_response: bool) -> DnsAct {
    let question =
        DnsQuestion { name: "test.example".into(), record_type: ADDRESS, class: INTERNET };
    DnsAct {
        socket,
        total: 30,
        message: Some(DnsMessage {
            id: 1,
            is_response,
            opcode: 0,
            flags: Box::new(["RD"]),
            response_code: 0,
            question: Some(question),
            answers: Box::default(),
            is_cut: false,
        }),
        asked: is_response,
    }
}

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let (act, is_answer) = match &mut draft.event.action {
        Action::DnsQuery(act) => (act, false),
        Action::DnsAnswer(act) => (act, true),
        _ => {
            let why = || Err("only what name servers are asked and answer has it".to_owned());
            return name.starts_with("dns.").then(why);
        }
    };
    match name {
        "dns.size" => return Some(assign(&mut act.total, value, value::number)),
        "dns.asked" if is_answer => return Some(assign(&mut act.asked, value, value::yes)),
        _ => {}
    }
    let message = act.message.as_mut()?;
    let question = message.question.as_mut()?;
    Some(match name {
        "dns.id" => assign(&mut message.id, value, value::number),
        "dns.question.name" => value::text(value).map(|name| question.name = name.into()),
        "dns.question.type" => value::text(value)
            .and_then(|name| number(&name, u16::MAX, type_name))
            .map(|number| question.record_type = number),
        "dns.response_code" if is_answer => value::text(value)
            .and_then(|name| number(&name, 15, response_name))
            .map(|number| message.response_code = number),
        "dns.resolved_ip" if is_answer => value::ip(value).map(|ip| {
            let record_type = if ip.is_ipv4() { ADDRESS } else { 28 };
            answer(message, record_type, DnsData::Address(ip));
        }),
        "dns.answers.data" if is_answer => value::text(value).map(|text| {
            match message.question.as_ref().map(|question| question.record_type) {
                Some(TEXT) => answer(message, TEXT, DnsData::Text(text.into_bytes().into())),
                _ => answer(message, ALIAS, DnsData::Alias(text.into())),
            }
        }),
        _ => return None,
    })
}

fn answer(message: &mut DnsMessage, record_type: u16, data: DnsData) {
    let Some(question) = &message.question else { return };
    let name = std::sync::Arc::clone(&question.name);
    let record = DnsRecord { name, record_type, class: INTERNET, ttl: TTL, data };
    let mut answers = std::mem::take(&mut message.answers).into_vec();
    answers.push(record);
    message.answers = answers.into();
}

/// The number that has such a name.
fn number<N: Copy + TryFrom<u16> + Into<u16>>(
    name: &str,
    last: N,
    name_of: fn(N) -> String,
) -> Result<N, String> {
    let mut numbers = (0..=last.into()).filter_map(|number| N::try_from(number).ok());
    let found = numbers.find(|number| name_of(*number) == name);
    found.ok_or_else(|| format!("`{name}` is not known"))
}
