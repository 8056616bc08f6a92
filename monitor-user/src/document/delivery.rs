//! Where a document is in what a sink gets: the last that is said in it, since each sink counts its
//! own.

use serde_json::{Value, json};

use super::Schema;

/// Where a document is in what a sink gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The sink.
    pub sink: &'a str,
    /// Name of the run of numbers: they begin anew in another one.
    pub stream: &'a str,
    /// Its number there, from 1. One that is missing is a document that was lost.
    pub number: u64,
}

impl Schema {
    /// Says it in a line that [`Self::write`] wrote. Lines for people say nothing of it.
    #[must_use]
    pub fn numbered(self, line: &[u8], delivery: Delivery<'_>) -> Vec<u8> {
        let Delivery { sink, stream, number } = delivery;
        match self {
            Self::Ecs => {
                let said = json!({ "sink": sink, "stream": stream, "number": number });
                with_members(line, br#""runmon":{"#, &json!({ "delivery": said }))
            }
            Self::Ocsf => {
                let said = json!({ "log_name": sink, "log_source": stream, "sequence": number });
                with_members(line, br#""metadata":{"#, &said)
            }
            Self::Falco => {
                let said = json!({
                    "runmon.delivery.sink": sink,
                    "runmon.delivery.stream": stream,
                    "runmon.delivery.number": number,
                });
                with_members(line, br#""output_fields":{"#, &said)
            }
            Self::Text { .. } => line.to_owned(),
            Self::Cef => super::cef::numbered(line, delivery),
            Self::Syslog(body) => super::syslog::numbered(line, body, delivery),
        }
    }
}

/// Puts the members of one object at the start of another, which is the first that begins so. What
/// documents hold of others is in texts, where quotes are escaped: it is no such beginning.
fn with_members(line: &[u8], beginning: &[u8], members: &Value) -> Vec<u8> {
    let Some(at) = memchr::memmem::find(line, beginning) else { return line.to_owned() };
    let (before, after) = line.split_at(at + beginning.len());
    let members = members.to_string();
    let inner = members.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let comma: &[u8] = if after.starts_with(b"}") { b"" } else { b"," };
    [before, inner.unwrap_or_default().as_bytes(), comma, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_nobody_else_can_write() {
        let delivery = Delivery { sink: "si\"em", stream: "s-1", number: 7 };
        let check = |schema: Schema, line: &Value, at: &str| {
            let numbered = schema.numbered(line.to_string().as_bytes(), delivery);
            let numbered: Value = serde_json::from_slice(&numbered).unwrap();
            assert_eq!(numbered.pointer(at), Some(&json!(7)), "{numbered:#}");
            numbered
        };
        let evil = r#"{"runmon":{"output_fields":{"metadata":{"#;
        let line = json!({ "a": { "runmon": evil }, "message": evil, "runmon": { "x": 1 } });
        let found = check(Schema::Ecs, &line, "/runmon/delivery/number");
        assert_eq!(found["runmon"]["delivery"]["sink"], "si\"em");
        assert_eq!((&found["message"], &found["runmon"]["x"]), (&json!(evil), &json!(1)));
        let line = json!({ "device": { "name": evil }, "message": evil, "metadata": {} });
        let found = check(Schema::Ocsf, &line, "/metadata/sequence");
        assert_eq!(found["metadata"].as_object().unwrap().len(), 3);
        let line = json!({ "output": evil, "output_fields": {}, "rule": evil });
        let found = check(Schema::Falco, &line, "/output_fields/runmon.delivery.number");
        assert_eq!(found["output_fields"].as_object().unwrap().len(), 3);
        let text = Schema::Text { colour: false };
        assert_eq!(text.numbered(br#""runmon":{}"#, delivery), br#""runmon":{}"#);
    }
}
