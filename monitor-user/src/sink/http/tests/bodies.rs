//! What receivers are sent, and what they answer.

use super::*;
use crate::document::Sender;

fn sent(schema: Schema, labelling: &Labelling) -> Sent {
    let node = crate::node::Node {
        said_name: Some("n1".to_owned()),
        cluster: Some("shop".to_owned()),
        ..crate::node::Node::named("host")
    };
    let text = String::new;
    let sender = Sender {
        node: Arc::new(node),
        boot_id: text(),
        run_id: text(),
        instance: text(),
        history: false,
    };
    let stream = crate::document::Delivery { sink: "siem", stream: "s-1", number: 0 };
    Sent::new(&sender, stream, schema, labelling)
}

fn body(preset: Preset, entries: &[Entry], sent: &Sent) -> String {
    let entries: Vec<&Entry> = entries.iter().collect();
    String::from_utf8(preset.body(&entries, sent)).unwrap()
}

fn two() -> [Entry; 2] {
    [entry(1, Priority::Notice), entry(2, Priority::Critical)]
}

const ONE: &str = r#"{"number":1,"text":"a\"b"}"#;
const OTHER: &str = r#"{"number":2,"text":"a\"b"}"#;

#[test]
fn webhooks_get_a_document_or_an_array() {
    let mut sent = sent(Schema::Ecs, &Labelling::default());
    assert_eq!(body(Preset::Webhook, &two()[..1], &sent), ONE);
    sent.is_array = true;
    assert_eq!(body(Preset::Webhook, &two()[..1], &sent), format!("[{ONE}]"));
    assert_eq!(body(Preset::Webhook, &two(), &sent), format!("[{ONE},{OTHER}]"));
    assert_eq!(body(Preset::Falcosidekick, &two()[..1], &sent), ONE);
}

#[test]
fn collectors_get_events_one_after_the_other() {
    let plain = sent(Schema::Ecs, &Labelling::default());
    let about = r#""host":"n1","source":"runmon","sourcetype":"_json","time""#;
    assert_eq!(
        body(Preset::SplunkHec, &two(), &plain),
        format!(
            "{{{about}:1700000000.001,\"event\":{ONE}}}\n{{{about}:1700000000.002,\"event\":{OTHER}}}\n"
        )
    );
    let index = Some("i\"".to_owned());
    let labelling = Labelling { index, source: "s".to_owned(), sourcetype: None };
    let text = body(Preset::SplunkHec, &two()[..1], &sent(Schema::Cef, &labelling));
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["index"], &event["sourcetype"]), (&json!("i\""), &json!("runmon")));
    assert_eq!(event["event"], ONE);
}

#[test]
fn documents_are_created_under_ids_of_their_own() {
    let sent = sent(Schema::Ecs, &Labelling::default());
    let text = body(Preset::ElasticsearchBulk, &two(), &sent);
    let lines: Vec<&str> = text.lines().collect();
    let hash = crc32fast::hash(b"siem");
    let action = |number: u64| json!({"create": {"_id": format!("s-1-{hash:08x}-{number}"), "_index": "logs-runmon-default"}});
    assert_eq!(lines, [&*action(1).to_string(), ONE, &*action(2).to_string(), OTHER]);
    assert!(text.ends_with('\n'));
}

#[test]
fn streams_are_few_and_ascend() {
    let sent = sent(Schema::Ecs, &Labelling::default());
    let all = [
        entry(3, Priority::Notice),
        entry(2, Priority::Critical),
        entry(1, Priority::Notice),
        entry(4, Priority::Notice),
    ];
    let push: Value = serde_json::from_str(&body(Preset::Loki, &all, &sent)).unwrap();
    let labels = |priority: &str| json!({"service_name": "runmon", "host": "n1", "cluster": "shop", "priority": priority});
    let streams = push["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[0]["stream"], labels("critical"));
    assert_eq!(streams[1]["stream"], labels("notice"));
    let values = streams[1]["values"].as_array().unwrap();
    let times: Vec<&str> = values.iter().map(|value| value[0].as_str().unwrap()).collect();
    let at = |ms: u64| (1_700_000_000_000_u64 + ms).to_string() + "000000";
    assert_eq!(times, [at(3), at(3), at(4)]);
    assert_eq!(values[1][1], ONE);
}

fn read(preset: Preset, status: u16, body: &Value, count: usize) -> Verdict {
    let body = body.to_string().into_bytes();
    preset.read(&HttpAnswer { status, body, ..HttpAnswer::default() }, count)
}

/// What each fate begins with, of a verdict.
fn letters(verdict: &Verdict) -> String {
    let letter = |fate: &Fate| match fate {
        Fate::Taken => 't',
        Fate::Refused(_) => 'r',
        Fate::Again => 'a',
        Fate::Later(_) => 'l',
        Fate::Failed(_) => 'f',
    };
    match verdict {
        Verdict::All(fate) => format!("all {}", letter(fate)),
        Verdict::Each(fates) => fates.iter().map(letter).collect(),
    }
}

#[test]
fn collectors_answer() {
    for (status, said, expected) in [
        (200, json!({"text": "Success", "code": 0}), "all t"),
        (400, json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1}), "ara"),
        (
            400,
            json!({"text": "Event field is required", "code": 12, "invalid-event-number": 0}),
            "raa",
        ),
        (
            400,
            json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 3}),
            "all r",
        ),
        (400, json!({"text": "No data", "code": 5}), "all r"),
        (400, json!({"text": "Incorrect index", "code": 7, "invalid-event-number": 1}), "all l"),
        (400, json!({"text": "Data channel is missing", "code": 10}), "all l"),
        (401, json!({"text": "Token is required", "code": 2}), "all l"),
        (403, json!({"text": "Invalid token", "code": 4}), "all l"),
        (413, json!("too large"), "all r"),
        (429, json!(""), "all l"),
        (500, json!({"text": "Internal server error", "code": 8}), "all f"),
        (503, json!({"text": "Server is busy", "code": 9}), "all l"),
    ] {
        assert_eq!(letters(&read(Preset::SplunkHec, status, &said, 3)), expected, "{said}");
    }
}

#[test]
fn bulks_are_answered_item_by_item() {
    let item = |status: u16| {
        let error = json!({"type": "document_parsing_exception", "reason": "failed to parse"});
        match status {
            200..=299 => json!({"create": {"status": status}}),
            status => json!({"create": {"status": status, "error": error}}),
        }
    };
    let all = |statuses: &[u16]| {
        let items: Vec<Value> = statuses.iter().map(|status| item(*status)).collect();
        json!({"errors": true, "items": items})
    };
    let read = |status, body: Value, count| read(Preset::ElasticsearchBulk, status, &body, count);
    let each = read(200, all(&[201, 409, 429, 503, 400, 500, 403, 404]), 8);
    assert_eq!(letters(&each), "ttllrfll");
    let Verdict::Each(fates) = each else { panic!("of each") };
    let why = "status 400: document_parsing_exception failed to parse";
    assert_eq!(fates[4], Fate::Refused(why.to_owned()));
    for (status, body, expected) in [
        (200, all(&[201]), "all l"),
        (200, json!("ok"), "all l"),
        (200, json!({"errors": false}), "all l"),
        (200, json!({"items": [{}, {"create": {}}]}), "ll"),
        (413, json!(""), "all r"),
        (401, json!(""), "all l"),
        (429, json!(""), "all l"),
        (502, json!(""), "all f"),
    ] {
        assert_eq!(letters(&read(status, body.clone(), 2)), expected, "{status} {body}");
    }
}

/// Whoever repeats what it was sent brings no secret into the log.
#[test]
fn tokens_are_not_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let text = String::from_utf8_lossy(&request[..length]).into_owned();
        assert!(text.contains("authorization: Bearer open-sesame\r\n"), "{text}");
        let length = text.len();
        write!(stream, "HTTP/1.1 418 No\r\ncontent-length: {length}\r\n\r\n{text}").unwrap();
    });
    let secret = Secret::Said("open-sesame".to_owned());
    let token = Some(Token { secret, scheme: "Bearer".to_owned() });
    let headers = vec![("x-api-key".to_owned(), "alibaba".to_owned())];
    let url = format!("http://127.0.0.1:{port}/hooks/cave?key=thieves");
    let options = HttpOptions { url, token, headers, ..super::http(port) };
    let mut client = Client::new(Box::new(crate::reach::Direct));
    let answer = client.post(&options, "application/json", b"").unwrap();
    let said = answer.said();
    assert!(said.contains("POST … HTTP/1.1") && said.contains("x-api-key: …"), "{said}");
    for secret in ["sesame", "alibaba", "cave", "thieves"] {
        assert!(!said.contains(secret), "{said}");
    }
}
