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
