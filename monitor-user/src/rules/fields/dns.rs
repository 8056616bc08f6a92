//! `dns.*`: what name servers are asked and answer. The names are those of the Elastic Common
//! Schema; Falco has none.

use std::ops::ControlFlow;

use monitor_rules::{Arg, ArgRule, Field, Type, Value, Visit};

use super::{any, never, number, one};
use crate::{
    dns::{DnsAct, DnsData, DnsMessage, response_name, type_name},
    event::Event,
    rules::kinds::{DNS, DNS_ANSWER},
};

const TEXTS: (Type, ArgRule) = (Type::Str, ArgRule::None);
const IPS: (Type, ArgRule) = (Type::Ip, ArgRule::None);

/// Why nothing is known of what a message says.
const NO_MESSAGE: &str = "no_dns_message";

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "dns.question.name",
        Type::Str,
        DNS,
        "The name that is asked for, in lower case and without a final dot.",
        |event, _| {
            said(event, |message| match &message.question {
                Some(question) => Value::str(question.name.as_bytes()),
                None => Value::Absent,
            })
        },
    ),
    one(
        "dns.question.type",
        Type::Str,
        DNS,
        "The type that is asked for, as in `A`.",
        |event, _| {
            said(event, |message| match &message.question {
                Some(question) => Value::owned(type_name(question.record_type)),
                None => Value::Absent,
            })
        },
    ),
    one("dns.id", Type::Int, DNS, "Number of the question.", |event, _| {
        said(event, |message| Value::Int(message.id.into()))
    }),
    one("dns.size", Type::Int, DNS, "Length of the message in bytes.", |event, _| {
        event.action.dns().map_or(Value::Absent, |act| number(act.total.into()))
    }),
    one("dns.asked", Type::Bool, DNS_ANSWER, "The question was seen.", |event, _| {
        on_answer(event).map_or(Value::Absent, |act| Value::Bool(act.asked))
    }),
    one(
        "dns.response_code",
        Type::Str,
        DNS_ANSWER,
        "How the server fared, as in `NOERROR` or `NXDOMAIN`.",
        |event, _| {
            let Some(_) = on_answer(event) else { return Value::Absent };
            said(event, |message| Value::owned(response_name(message.response_code)))
        },
    ),
    any(
        "dns.answers.data",
        TEXTS,
        DNS_ANSWER,
        "Another name or a text that is answered.",
        |event, _, visit| each_text(event, visit),
    ),
    any("dns.resolved_ip", IPS, DNS_ANSWER, "An address of the name that is asked for.", resolved),
];

fn on_answer(event: &Event) -> Option<&DnsAct> {
    event.action.dns().filter(|_| DNS_ANSWER.contains(event.action.kind()))
}

fn said<'e>(event: &'e Event, of: impl FnOnce(&'e DnsMessage) -> Value<'e>) -> Value<'e> {
    match event.action.dns() {
        Some(DnsAct { message: Some(message), .. }) => of(message),
        Some(_) => never(NO_MESSAGE),
        None => Value::Absent,
    }
}

fn each_text<'e>(event: &'e Event, visit: &mut Visit<'_, 'e>) {
    let Some(message) = on_answer(event).and_then(|act| act.message.as_ref()) else { return };
    let texts = message.answers.iter().filter_map(|answer| match &answer.data {
        DnsData::Alias(name) | DnsData::Name(name) => Some(Value::str(name.as_bytes())),
        DnsData::Text(text) => Some(Value::str(text)),
        DnsData::Address(_) | DnsData::Other => None,
    });
    end(texts.into_iter().try_for_each(visit));
}

fn resolved<'e>(event: &'e Event, _: &Arg, visit: &mut Visit<'_, 'e>) {
    let Some(message) = on_answer(event).and_then(|act| act.message.as_ref()) else { return };
    end(message.resolved().try_for_each(|(ip, _)| visit(Value::Ip(ip))));
}

/// Nothing comes after them either way.
fn end(visited: ControlFlow<()>) {
    match visited {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

/// What a message says, for people.
pub(super) fn arguments(act: &DnsAct) -> Vec<u8> {
    let question = act.message.as_ref().and_then(|message| message.question.as_ref());
    match question {
        Some(question) => {
            format!("name={} type={}", question.name, type_name(question.record_type)).into_bytes()
        }
        None => Vec::new(),
    }
}
