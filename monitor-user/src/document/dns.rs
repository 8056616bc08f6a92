//! Talk with name servers, as people read it.

use super::{printable::terminal, text::destination};
use crate::dns::{DnsAct, DnsData, response_name, type_name};

/// Answers that a line shows.
const SHOWN: usize = 4;

/// A question in a few words.
pub(super) fn query_line(act: &DnsAct) -> String {
    format!("{} → {}", question(act), destination(&act.socket))
}

/// An answer in a few words.
pub(super) fn answer_line(act: &DnsAct) -> String {
    let asked = if act.asked { "" } else { " (not seen to be asked)" };
    let Some(message) = &act.message else {
        return format!("{} ← {}{asked}", question(act), destination(&act.socket));
    };
    let mut said: Vec<String> = message
        .answers
        .iter()
        .take(SHOWN)
        .map(|answer| match &answer.data {
            DnsData::Address(ip) => ip.to_string(),
            DnsData::Alias(name) | DnsData::Name(name) => terminal(name.as_bytes()).into_owned(),
            DnsData::Text(text) => format!("\"{}\"", terminal(text)),
            DnsData::Other => type_name(answer.record_type),
        })
        .collect();
    if message.answers.len() > SHOWN || message.is_cut {
        said.push("…".to_owned());
    }
    if said.is_empty() {
        said.push(response_name(message.response_code));
    }
    let from = destination(&act.socket);
    format!("{} is {} ← {from}{asked}", question(act), said.join(", "))
}

fn question(act: &DnsAct) -> String {
    match act.message.as_ref().and_then(|message| message.question.as_ref()) {
        Some(question) => {
            let name = terminal(question.name.as_bytes());
            format!("{name} {}", type_name(question.record_type))
        }
        None => format!("{} bytes that are no question", act.total),
    }
}
