//! What receivers wrote, read.

use serde_json::json;

use super::*;
use crate::document::{
    Delivery, Document, Heartbeat, Schema, Sender, heartbeat::KindCounters, syslog,
};

fn check(numbers: &[u64]) -> Stream {
    let mut checker = Checker::default();
    for number in numbers {
        let delivery = json!({ "sink": "s", "stream": "r", "number": number });
        let line = json!({ "host": { "name": "h" }, "runmon": { "delivery": delivery } });
        checker.take(line.to_string().as_bytes()).unwrap();
    }
    assert_eq!(checker.streams.len(), 1);
    checker.streams.into_values().next().unwrap()
}

#[test]
fn gaps_are_found_in_any_order() {
    let stream = check(&[3, 4, 7, 6, 12, 9, 4]);
    assert_eq!(stream.gaps(false), [(5, 5), (8, 8), (10, 11)]);
    assert_eq!(stream.gaps(true), [(1, 2), (5, 5), (8, 8), (10, 11)]);
    assert_eq!((stream.documents(), stream.duplicates, stream.late), (6, 1, 2));
    assert_eq!(stream.range(), Some((3, 12)));
    let whole = check(&[1, 2, 3]);
    assert_eq!((whole.gaps(true), whole.late), (vec![], 0));
}

#[test]
fn rules_of_one_event_share_a_number() {
    let mut checker = Checker::default();
    let mut take = |number: u64, rule: &str| {
        let fields = json!({
            "runmon.delivery.sink": "s",
            "runmon.delivery.stream": "r",
            "runmon.delivery.number": number,
        });
        let line = json!({ "hostname": "h", "rule": rule, "output_fields": fields });
        checker.take(line.to_string().as_bytes()).unwrap();
    };
    take(1, "a");
    take(1, "b");
    take(2, "a");
    take(2, "a");
    let stream = checker.streams.values().next().unwrap();
    assert_eq!((stream.documents(), stream.duplicates), (2, 1));
    let name = checker.streams.keys().next().unwrap();
    assert_eq!(*name, ("h".to_owned(), "s".to_owned(), "r".to_owned()));
}

/// Falco's JSON has the heartbeat of ECS in it, and yet its own id.
#[test]
fn heartbeats_of_all_schemas_are_found() {
    let node = std::sync::Arc::new(crate::node::Node::named("h"));
    let text = |text: &str| text.to_owned();
    let sender =
        Sender { node, boot_id: text("b"), run_id: text("r"), instance: text(""), history: false };
    for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco, Schema::Cef] {
        let mut checker = Checker::default();
        for (sequence, lost) in [(1, 3), (2, 5)] {
            let kind = KindCounters { dropped: vec![("ring_full", lost)], ..Default::default() };
            let kinds = vec![kind];
            let heartbeat = Heartbeat { sequence, kinds, ..Heartbeat::default() };
            let document = Document::Heartbeat(heartbeat.into());
            checker.take(&schema.write(&document, &sender)[0]).unwrap();
        }
        let runs = checker.lost.keys().filter(|run| !run.is_empty()).count();
        assert_eq!((checker.heartbeats, checker.lost(), runs), (2, 5, 1), "{schema:?}");
    }
}

#[test]
fn what_is_no_document_is_an_error() {
    let mut checker = Checker::default();
    assert!(checker.take(b"x").is_err());
    checker.take(b"{}").unwrap();
    checker.take(b"[1]").unwrap();
    assert_eq!((checker.unnumbered, checker.streams.len()), (2, 0));
}

#[test]
fn what_the_kernel_lost_is_told() {
    let mut checker = Checker::default();
    for (run, lost) in [("a", 1), ("a", 3), ("b", 2)] {
        let line = json!({
            "event": { "id": format!("{run}-heartbeat-7") },
            "runmon": { "document": "heartbeat", "lost": lost },
        });
        checker.take(line.to_string().as_bytes()).unwrap();
    }
    assert_eq!((checker.heartbeats, checker.lost()), (3, 5));
}

#[test]
fn what_every_schema_writes_is_read() {
    let node = crate::node::Node::named("h").into();
    let sender = Sender {
        node,
        boot_id: "b".into(),
        run_id: String::new(),
        instance: String::new(),
        history: false,
    };
    let heartbeat = Heartbeat {
        kinds: vec![KindCounters { dropped: vec![("ring_full", 4)], ..Default::default() }],
        ..Heartbeat::default()
    };
    let document = Document::Heartbeat(heartbeat.into());
    let message = Schema::Syslog(syslog::Body::Text);
    for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco, Schema::Cef, message] {
        let mut checker = Checker::default();
        for number in [1, 2, 4] {
            let [line] = &schema.write(&document, &sender)[..] else { panic!("{schema:?}") };
            let delivery = Delivery { sink: "s", stream: "r", number };
            checker.take(&schema.numbered(line, delivery)).unwrap();
        }
        let (name, stream) = checker.streams.first_key_value().unwrap();
        assert_eq!(*name, ("h".to_owned(), "s".to_owned(), "r".to_owned()));
        assert_eq!(stream.gaps(true), [(3, 3)], "{schema:?}");
        assert_eq!((checker.heartbeats, checker.lost()), (3, 4), "{schema:?}");
    }
}

/// A document with its number, as a sink writes it.
fn document(schema: Schema, number: u64) -> String {
    let node = crate::node::Node::named("h").into();
    let sender = Sender {
        node,
        boot_id: "b".into(),
        run_id: String::new(),
        instance: String::new(),
        history: false,
    };
    let document = Document::Heartbeat(Heartbeat::default().into());
    let [line] = &schema.write(&document, &sender)[..] else { panic!("{schema:?}") };
    let delivery = Delivery { sink: "s", stream: "r", number };
    String::from_utf8(schema.numbered(line, delivery)).unwrap()
}

#[test]
fn what_receivers_put_around_documents_is_passed_over() {
    let check = |what: &str, lines: &[String]| {
        let mut checker = Checker::default();
        lines.iter().for_each(|line| checker.take(line.as_bytes()).unwrap());
        assert_eq!(checker.unnumbered, 0, "{what}");
        let (name, stream) = checker.streams.first_key_value().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(*name, ("h".to_owned(), "s".to_owned(), "r".to_owned()), "{what}");
        assert_eq!((stream.documents(), stream.gaps(true)), (2, vec![(2, 2)]), "{what}");
        assert_eq!(checker.heartbeats, 2, "{what}");
    };
    for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco, Schema::Cef] {
        let each = |wrap: &dyn Fn(String) -> String| [1, 3].map(|it| wrap(document(schema, it)));
        let both = || [document(schema, 1), document(schema, 3)];
        let of_json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let time = "1790000000000000000";
        check("alone", &both());
        check("rsyslog", &each(&|it| format!("Nov 29 07:00:00 host runmon: {it}")));
        check("with a severity", &each(&|it| format!("<108>Nov 29 07:00:00 host runmon: {it}")));
        check("Kafka", &each(&|it| format!("CreateTime:1790000000000\tid:a,n:b\tkey\t{it}")));
        check("NATS", &each(&|it| format!("[#1] Received on \"runmon.alerts\" {it}")));
        check("HEC", &each(&|it| json!({ "time": 1, "event": of_json(&it) }).to_string()));
        check("hits", &each(&|it| json!({ "_id": "r-1", "_source": of_json(&it) }).to_string()));
        check("logcli", &each(&|it| json!({ "labels": {}, "line": it }).to_string()));
        check("array", &[json!(both().map(|it| of_json(&it))).to_string()]);
        let values = json!(both().map(|it| [time.to_owned(), it]));
        check("Loki", &[json!({ "streams": [{ "stream": {}, "values": values }] }).to_string()]);
        let records = json!(both().map(|it| json!({ "body": { "stringValue": it } })));
        let scopes = json!([{ "scope": {}, "logRecords": records }]);
        let resources = json!({ "resourceLogs": [{ "resource": {}, "scopeLogs": scopes }] });
        check("OTLP", &[resources.to_string()]);
    }
}

/// What a document tells of others is no place to look for numbers, nor is their text in a value.
#[test]
fn nobody_watched_can_write_a_number() {
    let mut checker = Checker::default();
    let evil = document(Schema::Ecs, 9);
    let line = json!({ "runmon": { "document": "alert" }, "process": { "args": [evil] } });
    checker.take(line.to_string().as_bytes()).unwrap();
    let cef = document(Schema::Cef, 1).replacen("msg=", "msg=a cn1\\=9 flexString1\\=x ", 1);
    checker.take(cef.as_bytes()).unwrap();
    assert_eq!(checker.unnumbered, 1);
    let (name, stream) = checker.streams.first_key_value().unwrap();
    assert_eq!((&*name.2, stream.range()), ("r", Some((1, 1))));
}
