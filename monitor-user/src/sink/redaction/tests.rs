use serde_json::json;

use super::*;
use crate::document::{Delivery, syslog::Body};

const TEXT: Schema = Schema::Text { colour: false };

fn redaction(patterns: &[&str], left_out: &[&str], only: &[&str]) -> Redaction {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let patterns = patterns.iter().map(|text| pattern(text).unwrap()).collect();
    Redaction::new(patterns, owned(left_out), owned(only))
}

fn ecs(redaction: &Redaction) -> Value {
    let line = json!({
        "@timestamp": "t", "event": { "id": "1" }, "message": "ran mysql -psecret now",
        "process": {
            "args": ["mysql", "-psecret"], "pid": 7,
            "parent": { "args": ["sh", "-c", "mysql -psecret"], "name": "sh" },
        },
        "runmon": { "delivery": { "number": 1 }, "document": "alert", "more": "x" },
    });
    serde_json::from_slice(&redaction.of_line(line.to_string().into_bytes(), Schema::Ecs)).unwrap()
}

#[test]
fn patterns_hide_their_groups_in_every_text() {
    let told = ecs(&redaction(&[r"-p(\S+)"], &[], &[]));
    assert_eq!(told["message"], "ran mysql -p(redacted) now");
    assert_eq!(told["process"]["args"], json!(["mysql", "-p(redacted)"]));
    assert_eq!(told["process"]["parent"]["args"][2], "mysql -p(redacted)");
    let told = ecs(&redaction(&["s[a-z]+t", "(my)(s)ql"], &[], &[]));
    assert_eq!(told["message"], "ran (redacted)(redacted)ql -p(redacted) now");
    let text = redaction(&["(b)?(c)"], &[], &[]);
    let line = text.of_line(b"abc ac \xff".to_vec(), TEXT);
    assert_eq!(String::from_utf8_lossy(&line), "a(redacted)(redacted) a(redacted) \u{fffd}");
    assert!(pattern("(").is_err());
}

#[test]
fn members_are_left_out_with_what_is_below_them() {
    let told = ecs(&redaction(&[], &["process.parent", "message", "event"], &[]));
    assert!(told.get("message").is_none() && told["process"].get("parent").is_none());
    assert_eq!((&told["process"]["pid"], &told["event"]["id"]), (&json!(7), &json!("1")));
    let falco = json!({ "rule": "r", "output_fields": { "proc.args": "a", "proc.name": "n" } });
    let left_out = redaction(&[], &["output_fields.proc.args"], &[]);
    let line = left_out.of_line(falco.to_string().into_bytes(), Schema::Falco);
    let told: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(told, json!({ "rule": "r", "output_fields": { "proc.name": "n" } }));
}

#[test]
fn only_what_is_named_is_told_beside_what_documents_need() {
    let told = ecs(&redaction(&["sh"], &["process.parent.args"], &["process.parent"]));
    assert_eq!(
        told,
        json!({
            "@timestamp": "t", "event": { "id": "1" },
            "process": { "parent": { "name": "(redacted)" } },
            "runmon": { "delivery": { "number": 1 }, "document": "alert" },
        })
    );
}

fn line(patterns: &[&str], line: &str, schema: Schema) -> String {
    let told = redaction(patterns, &[], &[]).of_line(line.as_bytes().to_vec(), schema);
    String::from_utf8(told).unwrap()
}

const SECRETS: [&str; 2] = [r"--password[= ](\S+)", r#"pw="([^"]+)""#];

#[test]
fn values_of_cef_are_read_before_they_are_hidden() {
    let header = r"CEF:0|runmon|runmon|1|a\|=b|n\\|5|";
    let raw = r#"msg=x --password\=geheim2 a\\b cs5Label=commandLine cs5=q pw\="a\=b\\" --z\=y"#;
    let told =
        r#"msg=x --password\=(redacted) a\\b cs5Label=commandLine cs5=q pw\="(redacted)" --z\=y"#;
    let of = |patterns, text: &str| line(patterns, &format!("{header}{text}"), Schema::Cef);
    assert_eq!(of(&SECRETS, raw), format!("{header}{told}"));
    assert_eq!(of(&["never"], raw), format!("{header}{raw}"));
    // What is no line of this form is a text.
    assert_eq!(line(&["e"], "CEF:0|e=e", Schema::Cef), "CEF:0|(redacted)=(redacted)");
}

#[test]
fn what_syslog_carries_is_read_before_it_is_hidden() {
    let document = json!({ "message": r#"pw="a b" --password=x"# });
    let facts = r#"document="alert" exe="/pw=\"a\]b\" c""#;
    let message = format!("<4>1 t host runmon - id [runmon@32473 {facts}] ");
    let delivery = Delivery { sink: "s", stream: "r", number: 7 };
    let schema = Schema::Syslog(Body::Ecs);
    let whole = schema.numbered(format!("{message}{document}").as_bytes(), delivery);
    let told = line(&SECRETS, &String::from_utf8(whole).unwrap(), schema);
    let (_, said) = syslog::read(told.as_bytes()).unwrap();
    assert_eq!(said[4], ("exe".to_owned(), r#"/pw="(redacted)" c"#.to_owned()));
    assert!(told.ends_with(r#"{"message":"pw=\"(redacted)\" --password=(redacted)"}"#), "{told}");
    let cef = r"CEF:0|runmon|runmon|1|a|n|5|msg=--password\=x";
    let told = line(&SECRETS, &format!("{message}{cef}"), Schema::Syslog(Body::Cef));
    assert!(told.ends_with(r"msg=--password\=(redacted)"), "{told}");
    let told =
        line(&SECRETS, &format!("{message}\u{feff}a --password x"), Schema::Syslog(Body::Text));
    assert!(told.ends_with("\u{feff}a --password (redacted)"), "{told}");
}

#[test]
fn arguments_are_read_together() {
    let hidden = |patterns: &[&str], args: &[&str]| {
        let line = json!({ "process": { "parent": { "args": args } } }).to_string();
        let told = redaction(patterns, &[], &[]).of_line(line.into_bytes(), Schema::Ecs);
        let told: Value = serde_json::from_slice(&told).unwrap();
        told["process"]["parent"]["args"].clone()
    };
    let told = hidden(&SECRETS, &["mysql", "--password", "geheim1", "", "--password=x", "db"]);
    let hid = "(redacted)";
    assert_eq!(told, json!(["mysql", "--password", hid, "", "--password=(redacted)", "db"]));
    // Without groups all of it is hidden, in each of them; ends of texts are ends still.
    let told = hidden(&["-u \\S+ é+", "^x$"], &["a", "-u", "é", "éé", "x", "ax"]);
    assert_eq!(told, json!(["a", hid, hid, hid, hid, "ax"]));
    let told = hidden(&["(b c)d", "(e)(f)", "(k)?l()"], &["ab", "cd", "e", "ef", "l"]);
    assert_eq!(told, json!(["a(redacted)", "(redacted)d", "e", "(redacted)(redacted)", "l"]));
    assert_eq!(hidden(&["x"], &[]), json!([]));
}

fn json(redaction: &Redaction, line: &Value, schema: Schema) -> Value {
    serde_json::from_slice(&redaction.of_line(line.to_string().into_bytes(), schema)).unwrap()
}

/// All that patterns can touch; digits are in ids and times above all.
const DIGITS: &[&str] = &[r"\d+"];

#[test]
fn patterns_touch_nothing_that_documents_are_found_by() {
    let hidden = redaction(DIGITS, &[], &[]);
    let time = "2026-01-02T03:04:05.000000006Z";
    let protected = json!({
        "@timestamp": time, "ecs": { "version": "9.0.0" }, "container": { "id": "c1" },
        "event": { "id": "b-1", "start": time, "sequence": 1 }, "host": { "name": "node-1" },
        "process": { "entity_id": "b-1-2", "parent": { "entity_id": "b-1-3" } },
        "runmon": {
            "container": { "started": time }, "delivery": { "stream": "s-1", "number": 1 },
            "document": "alert", "rollup": { "of": "b-1" },
        },
    });
    assert_eq!(json(&hidden, &protected, Schema::Ecs), protected);
    let touched = json!({ "event": { "reason": "ran 7" }, "process": { "args": ["7"] } });
    let hid = "(redacted)";
    let told = json!({ "event": { "reason": "ran (redacted)" }, "process": { "args": [hid] } });
    assert_eq!(json(&hidden, &touched, Schema::Ecs), told);
    let process = json!({ "uid": "b-1", "parent_process": { "uid": "b-2" } });
    let protected = json!({
        "metadata": { "uid": "b-1", "log_source": "s-1", "version": "1.8.0" }, "time_dt": time,
        "actor": { "process": process }, "evidences": [{ "process": process }],
        "device": { "name": "node-1", "boot_uid": "b1" }, "unmapped": { "rollup": { "of": "b-1" } },
    });
    assert_eq!(json(&hidden, &protected, Schema::Ocsf), protected);
    let protected = json!({
        "uuid": "b-1", "time": time, "hostname": "node-1", "rule": "R 1", "source": "syscall",
        "output_fields": { "runmon.delivery.stream": "s-1", "container.id": "c1" },
    });
    assert_eq!(json(&hidden, &protected, Schema::Falco), protected);
}

#[test]
fn patterns_leave_headers_and_facts_alone() {
    let cef = "CEF:0|runmon|runmon|0.1.0|r1|R 1|5|rt=1 dvchost=n1 cat=alert cs6Label=eventId \
               cs6=b-1 cn1Label=x1 cn1=7 spt=80 flexString1=s-1 msg=";
    assert_eq!(line(DIGITS, &format!("{cef}a 1"), Schema::Cef), format!("{cef}a (redacted)"));
    let head = "<4>1 2026-01-02T03:04:05.000006Z n1 runmon r1 m1 [runmon@32473 number=\"7\" \
                stream=\"s-1\" id=\"b-1\" pid=\"1\" exe=\"";
    let message = |exe: &str, text: &str| format!("{head}{exe}\"] \u{feff}{text}");
    let told = line(DIGITS, &message("/a1", "b 1"), Schema::Syslog(Body::Text));
    assert_eq!(told, message("/a(redacted)", "b (redacted)"));
    let coloured = "\x1b[2m12:30:01.123\x1b[0m \x1b[36mweb\x1b[0m: ";
    let told = line(DIGITS, &format!("{coloured}ran 7"), Schema::Text { colour: true });
    assert_eq!(told, format!("{coloured}ran (redacted)"));
    assert_eq!(line(DIGITS, "12:30:01.123 7", TEXT), "12:30:01.123 (redacted)");
}

#[test]
fn hosts_are_told_whatever_else_is_not() {
    let line = json!({
        "host": { "name": "n", "hostname": "h" }, "event": { "id": "1", "reason": "r" },
        "runmon": { "delivery": { "number": 1 }, "document": "alert", "hook": "x" },
    });
    let told = json!({
        "host": { "name": "n" }, "event": { "id": "1" },
        "runmon": { "delivery": { "number": 1 }, "document": "alert" },
    });
    let only = redaction(&[], &[], &["process"]);
    assert_eq!(json(&only, &line, Schema::Ecs), told);
    let left_out = redaction(&[], &["host", "event", "runmon"], &[]);
    assert_eq!(json(&left_out, &line, Schema::Ecs), told);
    let device = json!({ "device": { "hostname": "h", "name": "n", "type_id": 0 } });
    assert_eq!(json(&only, &device, Schema::Ocsf), device);
    let falco = json!({ "hostname": "n", "output": "o" });
    assert_eq!(json(&only, &falco, Schema::Falco), json!({ "hostname": "n" }));
}

/// `only` is about what others did.
#[test]
fn what_the_monitor_tells_of_itself_is_whole() {
    let only = redaction(DIGITS, &["message", "runmon", "unmapped", "tags"], &["process"]);
    let sinks = json!([{ "name": "s1", "number": 7 }]);
    let heartbeat = json!({
        "event": { "id": "b-1" }, "host": { "boot": { "id": "b1" } },
        "runmon": { "document": "heartbeat", "sinks": sinks, "rules_version": "v1" },
    });
    assert_eq!(json(&only, &heartbeat, Schema::Ecs), heartbeat);
    let heartbeat = json!({
        "metadata": { "event_code": "heartbeat" }, "message": "heartbeat 1",
        "unmapped": { "sinks": sinks },
    });
    assert_eq!(json(&only, &heartbeat, Schema::Ocsf), heartbeat);
    let heartbeat = json!({
        "source": "internal", "output": "heartbeat 1", "tags": ["t"],
        "output_fields": { "runmon.heartbeat": 1, "runmon.degraded": "x1" },
    });
    let told = json(&only, &heartbeat, Schema::Falco);
    assert_eq!(told["output"], "heartbeat 1");
    assert_eq!((&told["output_fields"], told.get("tags")), (&heartbeat["output_fields"], None));
    let finding = json!({
        "message": "left out", "rule": { "name": "n" }, "event": { "reason": "took 7 s" },
        "runmon": { "document": "finding" },
    });
    let told = json!({
        "rule": { "name": "n" }, "event": { "reason": "took (redacted) s" },
        "runmon": { "document": "finding" },
    });
    assert_eq!(json(&only, &finding, Schema::Ecs), told);
    let cef = "CEF:0|runmon|runmon|0.1.0|heartbeat|Heartbeat|1|rt=1 cat=heartbeat msg=heartbeat 1";
    assert_eq!(line(DIGITS, cef, Schema::Cef), cef);
    let message = "<6>1 t n runmon r heartbeat [runmon@32473 document=\"heartbeat\"] heartbeat 1";
    assert_eq!(line(DIGITS, message, Schema::Syslog(Body::Text)), message);
}

#[test]
fn patterns_that_hide_nothing_are_refused() {
    for text in ["()", "", "x*", "^", "$", r"\b", r"\B", "(a)?", "(?:--token=(.+))?"] {
        let expected = format!("`{text}` matches the empty text, so that it may hide nothing");
        assert_eq!(pattern(text).unwrap_err(), expected);
    }
    for text in ["a", r"\bx", "^.+$", r"-p(\S*)", "(a)?b"] {
        assert!(pattern(text).is_ok(), "{text}");
    }
}
