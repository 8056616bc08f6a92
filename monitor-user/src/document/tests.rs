//! The golden files are in `testdata/documents/`; `UPDATE_REFERENCE=1 cargo test` writes them.

pub(super) mod acts;
mod unknown;

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use serde_json::{Value, json};

use super::{
    heartbeat::{
        Degraded, HookState, KindCounters, Loss, ProgramState, Reloads, RuleState, SinkCounters,
        StoreCounters,
    },
    *,
};
use crate::{
    container::{Label, Mount},
    document::printable::{command_line, lossless, strings, terminal},
    enrich::{Enricher, container::ContainerFacts},
    event::{Action, Container, Event, Fact, FactSource, Outcome, Reason},
    judge::RuleTally,
    line::{Input, Line, LineStats, Outlet},
    profile::{Mode, differences::Difference},
    records::{
        folder::Folder,
        golden,
        story::{self, Part},
    },
    rules,
    source::recording::{Preamble, Writer},
    state::{Activity, Check, Vulnerability, Vulnerable},
};

/// Says what every event says about itself, so that hostile bytes reach the texts of rules.
const EVERYTHING: &str = "
- rule: Anything in a container
  id: anything
  desc: Everything that happens in one container.
  condition: evt.type in (execve, connect, sendto, open) and container.id != host
  output: >
    %proc.name did %evt.type on %fd.name as %proc.cmdline
    in %container.image.repository
  priority: warning
  tags: [container, mitre_execution, T1059.004]
";

/// Wall clock minus boot clock.
const OFFSET_NS: i64 = 1_700_000_000_000_000_000;

fn keys() -> crate::env::EnvKeys {
    crate::env::EnvKeys::new(["PATH", "LD_*"])
}

#[derive(Default)]
struct Kept(Vec<Document>);

impl Outlet for Kept {
    fn offer(&mut self, document: Document) {
        self.0.push(document);
    }

    fn wants_events(&self) -> bool {
        true
    }
}

fn node() -> Node {
    Node {
        said_name: Some("node-1.example".to_owned()),
        cluster: Some("shop-eu".to_owned()),
        labels: vec![Label { key: "team".into(), value: "red".into() }],
        ..Node::named("node-1")
    }
}

pub(crate) fn sender() -> Sender {
    Sender {
        node: Arc::new(node()),
        boot_id: "8f6f2a52-6a0b-4b0e-9d2e-2f1a3c4d5e6f".to_owned(),
        run_id: String::new(),
        instance: String::new(),
        history: true,
    }
}

fn facts() -> ContainerFacts {
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    let of_name = |text: &str| Fact::Known(text.into(), FactSource::NameRule);
    let label = |key: &str, value: &str| Label { key: key.into(), value: value.into() };
    let mount = Mount {
        source: "/srv".into(),
        destination: "/data".into(),
        mode: "".into(),
        is_writable: true,
        propagation: "rprivate".into(),
    };
    let container = Container {
        id: story::CONTAINER.into(),
        cgroup_path: story::CGROUP.into(),
        runtime: known("containerd"),
        oci_runtime: known("io.containerd.runc.v2"),
        visibility: known("full"),
        name: known("shop"),
        image: known("registry.example/shop:1.2"),
        image_digest: Fact::Unknown(Reason::NoAnswer),
        pod_name: known("shop-0"),
        pod_namespace: known("default"),
        pod_uid: known("0b5f9a1e-0000-4000-8000-000000000001"),
        image_created_ns: Fact::Known(1_690_000_000_000_000_000, FactSource::Containerd),
        started_ns: Fact::Known(1_700_000_000_000_000_000, FactSource::Bundle),
        privileged: Fact::Known(false, FactSource::Bundle),
        host_network: Fact::Known(true, FactSource::Bundle),
        capabilities: Fact::Known(1 | 1 << 21, FactSource::Bundle),
        memory_limit: Fact::Known(256 << 20, FactSource::Bundle),
        cpu_limit: Fact::Known(500, FactSource::Bundle),
        pids_limit: Fact::Known(4096, FactSource::Bundle),
        mounts: Fact::Known([mount].into(), FactSource::Bundle),
        labels: Fact::Known(
            [label("tier", "web"), label("tier.x", "y")].into(),
            FactSource::Containerd,
        ),
        pod_labels: Fact::Known([label("app", "shop")].into(), FactSource::Containerd),
        service_account: Fact::Known("till".into(), FactSource::Kubernetes),
        deployment: of_name("shop"),
        replica_set: of_name("shop-5d4f8c7b9b"),
        healthcheck: Fact::Unknown(Reason::NotApplicable),
        declared_uid: Fact::Known(0, FactSource::Bundle),
        declared_capabilities: Fact::Known(0xa800_25fb, FactSource::Bundle),
        no_new_privileges: Fact::Known(true, FactSource::Bundle),
        readonly_root: Fact::Known(false, FactSource::Bundle),
        declared_ports: known("80/tcp"),
        liveness_probe: Fact::Known("cat\0/tmp/ok\0".into(), FactSource::Containerd),
        ..Container::unknown(story::CGROUP, Reason::NotInBundle)
    };
    ContainerFacts { cgroup_path: story::CGROUP.into(), container: Some(container.into()) }
}

/// A heartbeat in which every list has something.
fn heartbeat(lost: u64) -> Heartbeat {
    Heartbeat {
        degraded: vec![Degraded::RecordsLost, Degraded::SinkStuck],
        sequence: 3,
        timestamp_ns: 1_700_000_030_000_000_000,
        last: lost > 0,
        kinds: vec![KindCounters {
            kind: "exec",
            attempted: 10 + lost,
            submitted: 10,
            collapsed: 0,
            filtered: 0,
            dropped: vec![("ring_full", lost), ("read_fault", 0)],
        }],
        kernel: vec![("own_acts", 2)],
        losses: vec![Loss { container: "host".to_owned(), dropped: vec![("ring_full", lost)] }],
        line: LineStats { records: 10, alerts: 1, ..LineStats::default() },
        decoded: 10,
        tables: vec![("processes", 4)],
        sinks: vec![SinkCounters { name: "stdout".to_owned(), offered: 1, ..Default::default() }],
        store: Some(StoreCounters { bytes: 4096, bytes_max: 8192, ..Default::default() }),
        web: Some(crate::document::heartbeat::WebCounters { answered: 3, ..Default::default() }),
        hooks: vec![HookState {
            kind: "exec",
            backend: Some("tracepoint"),
            programs: vec![ProgramState {
                fires: Some(true),
                attach: "tp_btf/sched_process_exec".to_owned(),
                cost: Some((10, 9_000)),
            }],
            blind: vec!["nothing".to_owned()],
        }],
        blind: vec![("b".repeat(4), "kata".to_owned())],
        rules: 26,
        rules_version: "0123456789ab".to_owned(),
        reloads: Reloads { rules_taken: 1, ..Reloads::default() },
        profiles: vec![Difference {
            profile: "web-1".into(),
            mode: Mode::Shadow,
            expected: 40,
            unexpected: 2,
            found: vec!["files: /etc/cron.d/\u{1b}[31mjob".to_owned()],
        }],
        rule_states: vec![RuleState {
            id: "run_shell".to_owned(),
            tally: RuleTally {
                matches: 3,
                alerts: 2,
                switched_off: 1,
                excepted: vec![("cron".to_owned(), 4)],
                ..RuleTally::default()
            },
            noisy: true,
            off_until_ns: Some(OFFSET_NS),
            expired: vec!["old".to_owned()],
        }],
    }
}

/// Everything that the story gives, twice with a heartbeat.
pub(super) static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let mut files = rules::embedded();
    files.push(monitor_rules::RuleFile { name: "all.yaml", bytes: EVERYTHING.as_bytes() });
    let loaded = rules::load(&files);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let enricher = Enricher::new(1 << 20, OFFSET_NS, keys());
    let mut line = Line::new(enricher, Arc::new(loaded.rules), Vec::new(), Kept::default());
    for part in story::parts() {
        match part {
            Part::Record(record) => line.take(Input::Record(&record.bytes())),
            Part::Facts => line.take(Input::Facts(facts())),
        }
    }
    line.finish();
    assert_eq!(line.stats().decode_errors, 0);
    let mut documents = line.into_outlet().0;
    documents.extend([0, 7].map(|lost| Document::Heartbeat(Arc::new(heartbeat(lost)))));
    let repeated = documents.iter().find_map(|document| match document {
        Document::Alert(alert) => Some(alert.clone()),
        _ => None,
    });
    documents.push(Document::RollUp(Arc::new(rollup(repeated.unwrap()))));
    documents.push(Document::Finding(Arc::new(Finding {
        sequence: 3,
        timestamp_ns: 1_700_000_000_000_000_000,
        name: finding::RULES_REFUSED,
        priority: monitor_rules::Priority::Error,
        text: "the old rules stay: 2 errors in \"a.yaml\"".to_owned(),
        container: None,
    })));
    documents.push(Document::Finding(Arc::new(Finding {
        sequence: 4,
        timestamp_ns: 1_700_000_000_000_000_000,
        name: finding::FLOOD,
        priority: monitor_rules::Priority::Error,
        text: "0123456789ab does one thing so often".to_owned(),
        container: Some("0123456789ab".to_owned()),
    })));
    let findings: Vec<StateFinding> = states(&documents).collect();
    let of_packages = vulnerable(&findings);
    let all = findings.into_iter().chain(of_packages);
    documents.extend(all.map(|finding| Document::State(Arc::new(finding))));
    documents
});

/// The same of a package with known vulnerabilities, in the same container.
fn vulnerable(findings: &[StateFinding]) -> Vec<StateFinding> {
    let vulnerability = |id: &str, tenths| Vulnerability {
        id: id.to_owned(),
        severity: "high",
        tenths,
        vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H".to_owned(),
        fixed: Some("3.0.11-1~deb12u2".to_owned()),
        exploited: tenths.map(|_| "2024-05-30".to_owned()),
        likelihood: tenths.map(|_| 31_000),
    };
    let package = Vulnerable {
        package: "openssl".to_owned(),
        version: "3.0.9-1".to_owned(),
        ecosystem: "Debian:12".to_owned(),
        installed: vec![("libssl3".to_owned(), "3.0.9-1".to_owned())],
        paths: vec!["/opt/app".to_owned()],
        fixed: Some("3.0.11-1~deb12u2".to_owned()),
        in_use: "mapped",
        exposed: vec!["443/tcp".to_owned()],
        vulnerabilities: vec![
            vulnerability("CVE-2023-5363", Some(75)),
            vulnerability("GHSA-x", None),
        ],
        more: 1,
        data_made_on: 1_700_000_000,
    };
    // Once the one that has no number of a CVE is mended, all are told by such a number.
    let one =
        Vulnerable { vulnerabilities: package.vulnerabilities[..1].to_vec(), ..package.clone() };
    let of = |finding: &StateFinding| StateFinding {
        sequence: finding.sequence + 3,
        uid: "ffeeddccbbaa99887766554433221100".to_owned(),
        check: &crate::upkeep::checks::PACKAGE,
        priority: monitor_rules::Priority::Error,
        text: "openssl 3.0.9-1: CVE-2023-5363 (high) and 2 more; in use (mapped)".to_owned(),
        vulnerable: Some(Arc::new(match finding.activity {
            Activity::Create => package.clone(),
            Activity::Update | Activity::Close => one.clone(),
        })),
        ..finding.clone()
    };
    findings.iter().map(of).collect()
}

/// A finding from its begin to its end.
fn states(documents: &[Document]) -> impl Iterator<Item = StateFinding> + use<> {
    static CHECK: Check = Check {
        id: "posture.host_pid",
        title: "It sees all processes of the host",
        priority: monitor_rules::Priority::Warning,
        standards: &[("CIS Docker", "5.16"), ("NIST 800-190", "4.5.2")],
        cure: "give it a pid namespace of its own",
    };
    let in_container = documents.iter().find_map(|document| match document {
        Document::Alert(alert) if !alert.event.container.is_host() => Some(&alert.event.container),
        _ => None,
    });
    let container = Arc::clone(in_container.unwrap());
    let first_ns = 1_700_000_000_000_000_000;
    [
        (Activity::Create, "its pid namespace is the host's"),
        (Activity::Update, "its pid namespace is the host's: 2 processes"),
        (Activity::Close, "it is so no more"),
    ]
    .into_iter()
    .zip(1..)
    .map(move |((activity, text), sequence)| StateFinding {
        sequence,
        timestamp_ns: first_ns + 60_000_000_000 * (sequence as i64 - 1),
        first_ns,
        activity,
        uid: "00112233445566778899aabbccddeeff".to_owned(),
        check: &CHECK,
        priority: CHECK.priority,
        vulnerable: None,
        text: text.to_owned(),
        evidence: match activity {
            Activity::Close => Vec::new(),
            _ => vec![("pid", "4242".to_owned()), ("executable", "/usr/bin/top".to_owned())],
        },
        container: Arc::clone(&container),
    })
}

/// The same, and an event of each kind with each sort of result, in each form.
pub(super) fn corpus() -> Vec<Document> {
    let mut documents = DOCUMENTS.clone();
    let container = Container {
        image_digest: Fact::Known("sha256:0a1b".into(), FactSource::Containerd),
        // Of a pod that is written in a file of the node's.
        pod_uid: Fact::Known("0b5f9a1e000040008000000000000001".into(), FactSource::Bundle),
        ..(*alert().event.container).clone()
    };
    let whole = Arc::new(container);
    let outcomes = [Outcome::Success, Outcome::Unknown, Outcome::Failure(nix::libc::EACCES)];
    for (action, outcome) in acts::acts().iter().flat_map(|act| outcomes.map(|it| (act, it))) {
        let event = Event {
            action: action.clone(),
            outcome,
            container: Arc::clone(&whole),
            program_hash: Fact::Known("0a".repeat(32).into(), FactSource::File),
            ..(*alert().event).clone()
        };
        let event = Arc::new(event);
        let alert = Alert { event: Arc::clone(&event), ..alert().clone() };
        documents.extend([
            Document::Event(event),
            Document::Alert(alert.clone()),
            Document::Update(alert.clone()),
            Document::RollUp(Arc::new(rollup(alert))),
        ]);
    }
    documents
}

/// Repeats of an alert.
fn rollup(alert: Alert) -> RollUp {
    let last_ns = alert.event.timestamp_ns;
    let first = alert.id();
    RollUp { first, number: 2, alert, count: 12, first_ns: last_ns - 9_500_000_000, last_ns }
}

/// The alert that most rules are in.
pub(super) fn alert() -> &'static Alert {
    let alerts = DOCUMENTS.iter().filter_map(|document| match document {
        Document::Alert(alert) => Some(alert),
        _ => None,
    });
    alerts.max_by_key(|alert| alert.matched.len()).unwrap()
}

/// All documents in one form, one line each.
fn lines(schema: Schema) -> Vec<Vec<u8>> {
    DOCUMENTS.iter().flat_map(|document| schema.write(document, &sender())).collect()
}

#[track_caller]
fn check(file: &str, schema: Schema) {
    let mut text = lines(schema).join(&b'\n');
    text.push(b'\n');
    golden::compare(&format!("testdata/documents/{file}"), &text);
}

/// The story as a recording, for the tests of `replay` and as a seed for fuzzing.
#[test]
fn the_story_is_recorded() {
    let hooks = vec!["exec=tracepoint".to_owned()];
    let preamble = Preamble::new(&sender(), "6.1.0".to_owned(), OFFSET_NS, hooks, keys().names());
    let folder = Folder::new("story");
    let path = folder.path().join("story.rec");
    let mut writer = Writer::create(&path, &preamble, u64::MAX).unwrap();
    for part in story::parts() {
        match part {
            Part::Record(record) => writer.append(&Input::Record(&record.bytes())).unwrap(),
            Part::Facts => writer.append(&Input::Facts(facts())).unwrap(),
        }
    }
    writer.flush().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    golden::compare("testdata/story.rec", &bytes);
}

#[test]
fn golden_files() {
    check("ecs.ndjson", Schema::Ecs);
    check("ocsf.ndjson", Schema::Ocsf);
    check("falco.ndjson", Schema::Falco);
    check("text.txt", Schema::Text { colour: false });
    check("syslog.txt", Schema::Syslog(syslog::Body::Text));
    check("cef.txt", Schema::Cef);
    check("syslog_cef.txt", Schema::Syslog(syslog::Body::Cef));
    check("syslog_falco.txt", Schema::Syslog(syslog::Body::Falco));
    check("colour.txt", Schema::Text { colour: true });
}

#[test]
fn every_form_of_document_is_among_them() {
    let forms: BTreeSet<&str> = DOCUMENTS
        .iter()
        .map(|document| match document {
            Document::Event(_) => "event",
            Document::Alert(_) => "alert",
            Document::Update(_) => "update",
            Document::RollUp(_) => "rollup",
            Document::Heartbeat(_) => "heartbeat",
            Document::Finding(_) => "finding",
            Document::State(_) => "state",
        })
        .collect();
    assert_eq!(forms.len(), 7);
}

/// Whoever keeps one document of each id must lose neither an update nor repeats.
#[test]
fn updates_and_repeats_have_ids_of_their_own() {
    let (alert, sender) = (alert(), sender());
    let of = id(&Document::Alert(alert.clone()), &sender);
    let update = Document::Update(Alert { changed: true, ..alert.clone() });
    let repeats = Document::RollUp(rollup(alert.clone()).into());
    for document in [update, repeats] {
        let own = id(&document, &sender);
        assert!(own != of && own == id(&document, &sender), "{own}");
        let is_in = |schema: Schema, at: &str, of_alert: &str| {
            for line in schema.write(&document, &sender) {
                let written: Value = serde_json::from_slice(&line).unwrap();
                assert_eq!(written.pointer(at), Some(&json!(own)), "{written:#}");
                let said = ["update", "rollup"].map(|it| of_alert.replace("KIND", it));
                let named = said.iter().find_map(|it| written.pointer(it));
                assert_eq!(named, Some(&json!(of)), "{written:#}");
            }
        };
        is_in(Schema::Ecs, "/event/id", "/runmon/KIND/of");
        is_in(Schema::Ocsf, "/metadata/uid", "/finding_info/uid");
        is_in(Schema::Falco, "/uuid", "/output_fields/runmon.KIND.of");
        for line in Schema::Cef.write(&document, &sender) {
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains(&format!(" externalId={of}")), "{line}");
            assert!(line.contains(&format!(" cs6={own} ")), "{line}");
        }
    }
}

#[test]
fn every_kind_of_act_is_in_the_corpus() {
    let kinds: BTreeSet<u8> = acts::acts().iter().map(Action::kind).collect();
    assert_eq!(kinds.len(), Action::KINDS.len());
}

#[test]
fn json_is_one_line_and_parses() {
    for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco] {
        for line in lines(schema) {
            let text = std::str::from_utf8(&line).unwrap();
            assert!(!text.contains(|c: char| c < ' '), "a control character");
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(value.is_object());
        }
    }
}

#[test]
fn nothing_in_a_text_moves_the_cursor() {
    for line in lines(Schema::Text { colour: false }) {
        let text = std::str::from_utf8(&line).unwrap();
        let hostile = |c: &char| {
            c.is_control()
                || ('\u{202a}'..='\u{202e}').contains(c)
                || ('\u{2066}'..='\u{2069}').contains(c)
        };
        assert_eq!(text.chars().find(hostile), None, "{text}");
    }
    // In colour, only our own sequences.
    for line in lines(Schema::Text { colour: true }) {
        let text = std::str::from_utf8(&line).unwrap();
        for after in text.split('\x1b').skip(1) {
            let code = after.split('m').next().unwrap();
            assert!(code.strip_prefix('[').is_some_and(|n| n.parse::<u8>().is_ok()), "{text}");
        }
        assert_eq!(text.chars().find(|c| c.is_control() && *c != '\x1b'), None, "{text}");
    }
}

#[test]
fn messages_and_events_are_lines() {
    use syslog::Body;
    for schema in [
        Schema::Cef,
        Schema::Syslog(Body::Text),
        Schema::Syslog(Body::Ecs),
        Schema::Syslog(Body::Ocsf),
        Schema::Syslog(Body::Falco),
        Schema::Syslog(Body::Cef),
    ] {
        for line in lines(schema) {
            let delivery = Delivery { sink: "s", stream: "r", number: 7 };
            let numbered = schema.numbered(&line, delivery);
            let text = std::str::from_utf8(&numbered).unwrap();
            assert!(!text.contains(|c: char| c < ' '), "a control character: {text}");
            if let Schema::Syslog(body) = schema {
                let (host, facts) = syslog::read(&numbered).unwrap();
                assert_eq!(host, sender().node.name());
                assert_eq!(facts[0], ("number".to_owned(), "7".to_owned()));
                // The document in it is the one that the schema itself writes.
                let (_, document) = text.split_once("\"] ").unwrap();
                let is_text = body == Body::Text;
                let is_told = is_text || document.contains('7');
                assert!(is_told && document.starts_with('\u{feff}') == is_text, "{text}");
            } else {
                assert!(text.contains(" cn1Label=deliveryNumber cn1=7 "), "{text}");
            }
        }
    }
}

#[test]
fn a_text_line_is_short_whatever_the_arguments() {
    for line in lines(Schema::Text { colour: false }) {
        assert!(line.len() < 20_000);
    }
    let events = DOCUMENTS.iter().filter(|document| matches!(document, Document::Event(_)));
    for document in events {
        let line = text::write(document, false).unwrap();
        assert!(String::from_utf8_lossy(&line).chars().count() < 700);
    }
}

#[test]
fn bytes_are_shown_without_loss_or_harm() {
    assert_eq!(lossless(b"plain \x1b\n"), "plain \x1b\n");
    assert_eq!(lossless(b"a\xffb\xc3"), "a\\xffb\\xc3");
    assert_eq!(terminal("déjà vu".as_bytes()), "déjà vu");
    assert_eq!(terminal(b"a\x1b[0m\n\xff"), "a\\x1b[0m\\x0a\\xff");
    assert_eq!(terminal("\u{202e}x\u{9b}".as_bytes()), "\\xe2\\x80\\xaex\\xc2\\x9b");
    assert_eq!(command_line(b"a\0b c\0"), b"a b c");
    assert_eq!(command_line(b""), b"");
    assert_eq!(strings(b"a\0\0b\0").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    assert_eq!(strings(b"").count(), 0);
    assert_eq!(strings(b"cut").collect::<Vec<_>>(), [b"cut"]);
}

#[test]
fn times_are_written_whole() {
    assert_eq!(text::rfc3339(0), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(text::rfc3339(1_700_000_000_123_456_789), "2023-11-14T22:13:20.123456789Z");
    assert!(!text::rfc3339(i64::MAX).is_empty() && !text::rfc3339(i64::MIN).is_empty());
}
