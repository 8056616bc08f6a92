mod http;
mod queues;

use super::*;
use monitor_inventory::lifecycle::Tier;

use crate::{bpf::hooks::Backend, metadata::RuntimeKind, sink::file::FileOptions};

fn parse(text: &str) -> Result<Config, String> {
    let raw = text::read(text).map_err(|wrong| wrong.in_file())?;
    Config::of(raw, Path::new("c.yaml"), Asked::default()).map_err(|error| error.to_string())
}

/// A list with one sink.
fn sinks(keys: &str) -> String {
    format!("sinks:\n- {}", keys.trim_end().replace('\n', "\n  "))
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn bad(text: &str, expected: &str) {
    assert_eq!(parse(text).expect_err("was taken"), expected);
}

fn sink(text: &str) -> SinkConfig {
    good(&sinks(text)).sinks.remove(0)
}

#[test]
fn without_a_file_the_defaults() {
    let config = good("");
    assert!(config.rules.is_empty() && config.sinks.is_empty());
    assert_eq!(config.state_dir, Path::new("/var/lib/runmon"));
    assert_eq!(config.run_dir, Path::new("/run/runmon"));
    assert_eq!(config.ring_bytes, limits::RING_BYTES);
    assert_eq!(config.process_table_bytes, limits::PROCESS_TABLE_BYTES);
    assert_eq!(config.heartbeat, Duration::from_secs(limits::HEARTBEAT_SECONDS));
    assert_eq!(config.hooks, Choice::Auto);
    assert_eq!(config.env_keys, limits::ENV_KEYS);
    assert_eq!(config.runtime_roots, RuntimeRoot::usual());
}

#[test]
fn every_key_is_taken() {
    let config = good(
        r#"
        rules: ["/r", "/s"]
        state_dir: "/state"
        run_dir: "/run/x"
        ring_bytes: 65536
        process_table_bytes: 100000
        heartbeat_seconds: 1
        hooks: "fallback"
        env_keys: []
        cluster: "shop"
        node: "n1"
        labels: { team: "red", "a.b": "" }
        runtime_roots:
        - state: "/a"
          socket: "/b"
        - kind: "docker"
          state: "/c"
        "#,
    );
    assert_eq!(config.rules, [Path::new("/r"), Path::new("/s")]);
    assert_eq!(config.state_dir, Path::new("/state"));
    assert_eq!(config.run_dir, Path::new("/run/x"));
    assert_eq!((config.ring_bytes, config.process_table_bytes), (65_536, 100_000));
    assert_eq!(config.heartbeat, Duration::from_secs(1));
    let labels: Vec<_> = config.labels.iter().map(|it| (&*it.key, &*it.value)).collect();
    assert_eq!(labels, [("a.b", ""), ("team", "red")]);
    assert_eq!((config.cluster.as_deref(), config.node.as_deref()), (Some("shop"), Some("n1")));
    assert_eq!(config.hooks, Choice::Only(Backend::Fallback));
    assert_eq!(good("hooks: \"fentry\"").hooks, Choice::Only(Backend::Fentry));
    assert!(config.env_keys.is_empty());
    let containerd = RuntimeRoot::new(RuntimeKind::Containerd, Path::new("/a"));
    let docker = RuntimeRoot::new(RuntimeKind::Docker, Path::new("/c"));
    assert_eq!(config.runtime_roots[0], RuntimeRoot { socket: Some("/b".into()), ..containerd });
    assert_eq!(config.runtime_roots[1..], [docker]);
}

#[test]
fn sinks_take_their_keys() {
    let plain = sink("kind: \"stdout\"");
    assert_eq!((&*plain.name, plain.format, plain.heartbeats), ("stdout", None, None));
    assert_eq!((plain.minimum, plain.events), (Priority::Debug, false));
    assert_eq!((plain.queue, plain.queue_bytes), (limits::SINK_QUEUE, limits::SINK_QUEUE_BYTES));
    assert!(matches!(plain.target, Target::Stdout));
    let full = sink(
        "kind: \"stdout\"\nname: \"n\"\nformat: \"falco\"\nminimum_priority: \"warning\"\n\
         events: true\nheartbeats: false\nqueue: 3\nqueue_bytes: 2000000",
    );
    assert_eq!((&*full.name, full.format), ("n", Some(Format::Falco)));
    assert_eq!((full.queue, full.queue_bytes), (3, 2_000_000));
    assert_eq!(
        (full.minimum, full.events, full.heartbeats),
        (Priority::Warning, true, Some(false))
    );
    let Target::File(file) = sink("kind: \"file\"\npath: \"/f\"\nrotate_bytes: 9\nkeep: 0").target
    else {
        panic!("no file")
    };
    let FileOptions { path, rotate_bytes, keep, .. } = file;
    assert_eq!((path.as_path(), rotate_bytes, keep), (Path::new("/f"), 9, 0));
}

#[test]
fn wrong_values_name_their_key_and_the_cure() {
    bad(
        "ring_bytes: 65537",
        "c.yaml: ring_bytes: 65537 is no power of two between 65536 and 1073741824",
    );
    bad(
        "ring_bytes: 32768",
        "c.yaml: ring_bytes: 32768 is no power of two between 65536 and 1073741824",
    );
    bad("heartbeat_seconds: 0", "c.yaml: heartbeat_seconds: 0 is not between 1 and 86400");
    bad("heartbeat_seconds: 86401", "c.yaml: heartbeat_seconds: 86401 is not between 1 and 86400");
    bad("hooks: \"lsm\"", "c.yaml: hooks: `lsm` is none of auto, fentry, kprobe, fallback");
    bad("cluster: \"\"", "c.yaml: cluster: a name has 1 to 256 bytes");
    let labels = "c.yaml: labels.: names have 1 to 256 bytes, and texts 256 at most";
    bad("labels: { \"\": \"x\" }", labels);
    let many: String = (0..33).map(|n| format!("  l{n}: \"\"\n")).collect();
    bad(&format!("labels:\n{many}"), "c.yaml: labels: there are more than 32");
    bad(
        "metrics:\n  listen: [\"localhost:9753\"]",
        "c.yaml: metrics.listen: `localhost:9753` is no address with a port, such as \
         127.0.0.1:9753 or [::1]:9753",
    );
    let many = vec!["[::1]:1"; 9];
    bad(&format!("metrics:\n  listen: {many:?}"), "c.yaml: metrics.listen: there are more than 8");
    bad(
        "web:\n  listen: 0.0.0.0:1",
        "c.yaml: web.listen: others than this host can reach 0.0.0.0: use 127.0.0.1:1, [::1]:1 or \
         unix:/run/runmon/web.sock; from elsewhere, `ssh -L 1:127.0.0.1:1 HOST` leads there",
    );
    let root = "runtime_roots:\n- state: \"/x\"\n  ";
    bad(
        &format!("{root}kind: rkt"),
        "c.yaml: runtime_roots[0].kind: `rkt` is none of containerd, docker, podman, runc, buildkit",
    );
    bad(
        &format!("{root}kind: docker\n  socket: \"/y\""),
        "c.yaml: runtime_roots[0].socket: nothing is asked of docker over a socket: leave it out",
    );
    let of =
        |text: &str, expected: &str| bad(&sinks(text), &format!("c.yaml: sinks[0].{expected}"));
    of("kind: smtp", "kind: `smtp` is none of stdout, file, http, forward, syslog, nats, kafka");
    of("kind: \"stdout\"\nformat: \"xml\"", "format: `xml` is none of text, ecs, ocsf, falco, cef");
    of(
        "kind: \"stdout\"\nminimum_priority: \"high\"",
        "minimum_priority: `high` is none of emergency, alert, critical, error, warning, notice, \
         informational, debug",
    );
    of("kind: \"file\"", "path: a file sink needs a path");
    of("kind: \"http\"", "url: an http sink needs a url");
    bad(
        "sinks:\n- kind: stdout\n- kind: stdout",
        "c.yaml: sinks[1].name: two sinks are named `stdout`",
    );
}

#[test]
fn what_a_sink_gets_is_said_by_a_condition_and_lists() {
    let full = sink(
        "kind: file\npath: /f\nrotate_seconds: 60\nfsync: always\ncondition: container.id != \
         host\nredact: ['-p(\\S+)']\nleave_out: [process.env_vars]\nonly: [process]",
    );
    assert!(full.condition().is_some() && !full.redaction.is_empty());
    let Target::File(file) = full.target else { panic!("no file") };
    assert_eq!(
        (file.rotate_after, file.sync),
        (Some(Duration::from_secs(60)), crate::sink::file::Sync::Always)
    );
    let of = |keys: &str, expected: &str| {
        let error = parse(&sinks(&format!("kind: file\npath: /f\n{keys}"))).unwrap_err();
        assert!(error.starts_with(&format!("c.yaml: sinks[0].{expected}")), "{error}");
    };
    of("condition: proc.nam = x", "condition: condition:1:1: error[unknown-field]: unknown field");
    of("redact: ['(']", "redact: regex parse error");
    of("redact: ['']", "redact: each has 1 to 256 bytes");
    of("format: text\nonly: [x]", "only: there are members in documents of the formats ecs");
    of("fsync: now", "fsync: `now` is none of never, interval, always");
    of("rotate_seconds: 0", "rotate_seconds: 0 is not between");
}

#[test]
fn keys_of_another_kind_are_unknown() {
    let kinds = [
        ("stdout", "kind: \"stdout\""),
        ("file", "kind: \"file\"\npath: \"/f\""),
        ("http", "kind: \"http\"\nurl: \"https://h\""),
        ("forward", "kind: \"forward\"\naddress: \"h:1\""),
        ("syslog", "kind: \"syslog\"\naddress: \"h:1\""),
        ("nats", "kind: \"nats\"\naddress: \"h:1\""),
        ("kafka", "kind: \"kafka\"\naddress: \"h:1\""),
    ];
    // Owners, key and value.
    let keys = [
        ("file", "path", "\"/f\""),
        ("file", "rotate_bytes", "9"),
        ("file", "rotate_seconds", "9"),
        ("file", "fsync", "always"),
        ("file", "keep", "1"),
        ("http", "url", "\"u\""),
        ("http", "preset", "\"loki\""),
        ("http", "headers", "[]"),
        ("http, nats", "token_file", "\"/t\""),
        ("http, nats", "token_env", "\"T\""),
        ("http", "token_scheme", "\"Bearer\""),
        ("http", "proxy", "\"http://p:1\""),
        ("http", "batch_documents", "1"),
        ("http", "batch_bytes", "1024"),
        ("http", "batch_seconds", "1"),
        ("http", "index", "\"i\""),
        ("http", "source", "\"s\""),
        ("http", "sourcetype", "\"t\""),
        ("forward, syslog, nats, kafka", "address", "\"h:1\""),
        ("forward", "tag", "\"t\""),
        ("forward, http, kafka", "gzip", "true"),
        ("forward", "shared_key_file", "\"/k\""),
        ("forward", "shared_key_env", "\"K\""),
        ("forward, nats, kafka", "user", "\"u\""),
        ("forward, nats, kafka", "password_file", "\"/p\""),
        ("forward, nats, kafka", "password_env", "\"P\""),
        ("nats", "subject", "\"s\""),
        ("kafka", "topic", "\"t\""),
        ("kafka", "sasl", "\"plain\""),
        ("forward, syslog, nats, kafka", "tls", "true"),
        ("forward, http, syslog, nats, kafka", "ca_file", "\"/c\""),
        ("forward, http, syslog, nats, kafka", "certificate_file", "\"/c\""),
        ("forward, http, syslog, nats, kafka", "key_file", "\"/k\""),
        ("syslog", "facility", "13"),
        ("http", "give_up_seconds", "9"),
    ];
    for (kind, plain) in kinds {
        for (owner, key, value) in keys.iter().filter(|(owners, ..)| !owners.contains(kind)) {
            let owner = owner.replace(", ", " or ");
            let what = "has no such key, one of kind";
            bad(
                &sinks(&format!("{plain}\n{key}: {value}")),
                &format!("c.yaml: sinks[0].{key}: a sink of kind {kind} {what} {owner} has"),
            );
        }
    }
    // Every key that the reference ascribes to a kind is among them.
    let told = |owners: &str| format!(" `{}`: ", owners.replace(", ", "`, `"));
    let of_a_kind = RawSink::KEYS.iter().filter(|key| key.doc.starts_with(" `"));
    let found: Vec<_> = of_a_kind.map(|key| (key.name, key.doc)).collect();
    assert_eq!(found.len(), keys.len());
    for ((owner, key, _), (name, doc)) in keys.iter().zip(found) {
        assert!(*key == name && doc.starts_with(&told(owner)), "{name}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error =
        Config::load(Some(Path::new("/nowhere/c.yaml")), Asked::default()).expect_err("was read");
    assert_eq!(error.to_string(), "cannot read the configuration /nowhere/c.yaml");
}

/// The example shows the defaults, and is a configuration that can be used.
#[test]
fn the_example_is_true() {
    let example = include_str!("../../../deploy/config.example.yaml");
    let (shown, default) = (good(example), good(""));
    assert_eq!(shown.rules, default.rules);
    assert_eq!((&shown.state_dir, &shown.run_dir), (&default.state_dir, &default.run_dir));
    assert_eq!(shown.ring_bytes, default.ring_bytes);
    assert_eq!(shown.process_table_bytes, default.process_table_bytes);
    assert_eq!((shown.heartbeat, shown.hooks), (default.heartbeat, default.hooks));
    assert_eq!(shown.env_keys, default.env_keys);
    assert_eq!(shown.runtime_roots, default.runtime_roots);
    let kinds = [
        "kind: \"stdout\"",
        "kind: \"file\"\npath: \"/var/log/runmon.ndjson\"",
        "kind: \"http\"\nurl: \"http://127.0.0.1:2801/\"\nheaders: [\"X-Cluster: example\"]",
    ];
    assert_eq!(shown.sinks.len(), kinds.len());
    for (shown, plain) in shown.sinks.iter().zip(kinds.map(sink)) {
        assert_eq!(format!("{:?}", shown.target), format!("{:?}", plain.target));
        assert_eq!((shown.minimum, shown.events), (plain.minimum, plain.events));
        assert_eq!((shown.queue, shown.queue_bytes), (plain.queue, plain.queue_bytes));
    }
    // The rest of it is comment; every key is named somewhere.
    assert_eq!((shown.metrics_listen, default.metrics_listen), (vec![], vec![]));
    for key in RawConfig::KEYS
        .iter()
        .chain(RawMetrics::KEYS)
        .chain(RawWeb::KEYS)
        .chain(RawSink::KEYS)
        .chain(RawKubernetes::KEYS)
        .chain(RawPostureException::KEYS)
        .chain(RawUpkeepException::KEYS)
    {
        assert!(example.contains(&format!("{}:", key.name)), "{}", key.name);
    }
}

/// Copies are for who asks for them, and one has no more room than all.
#[test]
fn programs_are_kept_where_that_is_asked_for() {
    let keep = |text: &str| good(text).keep.map(|keep| (keep.bytes_max, keep.file_bytes_max));
    for text in ["", "kept_executables: off", "kept_executables_bytes: 2000000"] {
        assert_eq!((keep(text), good(text).bounds().copy), (None, 0), "{text}");
    }
    assert_eq!(keep("kept_executables: alerts"), Some((256 << 20, 64 << 20)));
    let less = "kept_executables: alerts\nkept_executables_bytes: 2000000";
    assert_eq!((keep(less), good(less).bounds().copy), (Some((2_000_000, 2_000_000)), 2_000_000));
}

/// What the reference says of a default is what leaving the key out does.
#[test]
fn the_defaults_of_the_reference_are_true() {
    let same = |text: &str, plain: &str| {
        assert_eq!(format!("{:?}", good(text)), format!("{:?}", good(plain)), "{text}");
    };
    for key in RawConfig::KEYS {
        let Some(default) = key.default else { continue };
        same(&format!("{}: {default}", key.name), "");
    }
    let asked = "node: n\nkubernetes:\n  api: true\n  server: https://api\n";
    for key in RawKubernetes::KEYS.iter().filter(|key| key.name != "api") {
        let Some(default) = key.default else { continue };
        same(&format!("{asked}  {}: {default}\n", key.name), asked);
    }
    for (kind, needs) in [
        ("file", "path: \"/f\""),
        ("http", "url: \"https://h\""),
        ("forward", "address: \"h:1\""),
        ("syslog", "address: \"h:1\""),
        ("nats", "address: \"h:1\""),
        ("kafka", "address: \"h:1\""),
    ] {
        let plain = format!("kind: {kind}\n{needs}\n");
        let is_here = |key: &&Key| {
            key.name != "heartbeats"
                && (!key.doc.starts_with(" `")
                    || key
                        .doc
                        .split(": ")
                        .next()
                        .is_some_and(|of| of.contains(&format!("`{kind}`"))))
        };
        for key in RawSink::KEYS.iter().filter(is_here) {
            let Some(default) = key.default else { continue };
            same(&sinks(&format!("{plain}{}: {default}\n", key.name)), &sinks(&plain));
        }
    }
}

#[test]
fn no_two_sinks_have_one_file() {
    let two = |path: &str| {
        parse(&format!(
            "sinks:\n- {{kind: file, path: /a}}\n- {{kind: file, name: b, path: {path}}}"
        ))
    };
    let error = two("/a").unwrap_err();
    assert!(error.contains("sinks[1].path: the sink `file` writes to it already"), "{error}");
    assert!(two("/b").is_ok());
}

#[test]
fn receivers_of_forward_are_described_whole() {
    let forward = |more: &str| sinks(&format!("kind: forward\n{more}"));
    let folder = crate::records::folder::Folder::new("config-forward");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("{path:?}")
    };
    let (key, password, empty) = (file("k", "key\r\n"), file("p", "pass word"), file("e", " \n"));
    let all = format!(
        "address: \"[::1]:24224\"\ntag: \"t\"\ngzip: true\nshared_key_file: {key}\nuser: \"u\"\n\
         password_file: {password}\ntls: true\nca_file: \"/ca\"\ncertificate_file: \"/c\"\n\
         key_file: \"/k\""
    );
    let Target::Forward(target) = sink(&format!("kind: \"forward\"\n{all}")).target else {
        panic!("another kind")
    };
    assert_eq!(target.place.to_string(), "[::1]:24224");
    let secrets = target.options.secrets.as_ref().unwrap();
    let read = |secret: &super::secret::Secret| secret.read(&crate::reach::Direct).unwrap();
    assert_eq!(secrets.all().map(read).collect::<Vec<_>>(), ["key", "pass word"]);
    assert_eq!(secrets.user.as_ref().unwrap().0, "u");
    assert!(!format!("{:?}", target.options).contains("word"));
    let files: Vec<_> = target.tls.iter().flat_map(|tls| tls.files()).collect();
    assert_eq!(files, ["/ca", "/c", "/k"].map(std::path::PathBuf::from));
    // All of them are read at each connection, whoever may not.
    let secrets = secrets.all().filter_map(|it| it.file()).map(std::path::Path::to_owned);
    let all: Vec<_> = files.into_iter().chain(secrets).collect();
    assert_eq!(Target::Forward(target.clone()).files(), all);
    let at = "address: \"h:1\"\n";
    for (more, expected) in [
        ("", "address: it needs an address"),
        ("address: \"h\"", "address: `h` is none of HOST:PORT, [ADDRESS]:PORT and unix:/PATH"),
        (&*format!("{at}user: \"u\""), "password_file: a user needs a password"),
        (&*format!("{at}password_file: {password}"), "user: a password needs a user"),
        (
            &*format!("{at}user: \"u\"\npassword_file: {password}"),
            "shared_key_file: who asks for a user asks for a shared key, too",
        ),
        (&*format!("{at}ca_file: \"/c\""), "ca_file: it is of no use while `tls` is not true"),
        (&*format!("{at}tls: true\nca_file: \"c\""), "ca_file: a path from the root is needed"),
        (
            &*format!("{at}tls: true\ncertificate_file: \"/c\""),
            "key_file: a certificate needs its key",
        ),
        (
            &*format!("{at}tls: true\nkey_file: \"/c\""),
            "certificate_file: a key needs its certificate",
        ),
        ("address: \"unix:/s\"\ntls: true", "tls: there is none on a Unix socket"),
    ] {
        bad(&forward(more), &format!("c.yaml: sinks[0].{expected}"));
    }
    let error = parse(&forward(&format!("{at}shared_key_file: {empty}"))).unwrap_err();
    assert!(error.ends_with("/e is empty"), "{error}");
    let error = parse(&forward(&format!("{at}shared_key_file: \"/none\""))).unwrap_err();
    assert!(error.contains("shared_key_file: cannot read /none: "), "{error}");
}

#[test]
fn receivers_of_syslog_are_described_whole() {
    let syslog = |more: &str| format!("kind: \"syslog\"\naddress: \"unix:/dev/log\"\n{more}");
    let target = |more: &str| match sink(&syslog(more)).target {
        Target::Syslog(target) => target,
        other => panic!("{other:?}"),
    };
    assert_eq!((target("").options.facility, target("facility: 0").options.facility), (13, 0));
    assert_eq!(target("").place.to_string(), "unix:/dev/log");
    bad(&sinks(&syslog("facility: 24")), "c.yaml: sinks[0].facility: 24 is not between 0 and 23");
}

#[test]
fn what_is_accepted_says_of_what_and_why() {
    let of = |text: &str| good(&format!("posture_exceptions:\n- {text}")).posture_looks.exceptions;
    let all = of("{check: posture.root_user, image: \"nginx:1.*\", reason: r, until: 1970-01-02}");
    assert_eq!((all[0].until, &*all[0].reason), (Some(2 * 86_400 - 1), "r"));
    assert_eq!(of("{check: 'posture.*', reason: r}")[0].until, None);
    for (text, expected) in [
        ("{reason: r}", ": it accepts everything: say which `check` or `image`"),
        ("{check: posture.seccomp, reason: ' '}", ".reason: say why it is accepted"),
        ("{check: posture.x, reason: r}", ".check: `runmon posture --list` has no such check"),
        ("{image: 'a b', reason: r}", ".image: it is no pattern of image references"),
        ("{image: a, reason: r, until: soon}", ".until: it is the last day that it holds"),
    ] {
        let error = parse(&format!("posture_exceptions:\n- {text}")).unwrap_err();
        assert!(error.contains(&format!("posture_exceptions[0]{expected}")), "{error}");
    }
}

#[test]
fn whose_support_counts_is_one_of_three() {
    assert_eq!(good("{}").support, SupportOptions::default());
    let of = good("{support_tier: extended, lifecycle_table: /a, image_end_of_life: /b}").support;
    assert_eq!((of.tier, of.table), (Tier::Extended, Some("/a".into())));
    assert_eq!(of.end_of_life, Some("/b".into()));
    let error = parse("support_tier: paid").unwrap_err();
    assert!(error.contains("`paid` is none of standard, lts, extended"), "{error}");
}

#[test]
fn what_is_accepted_of_software_may_be_one_package_or_vulnerability() {
    let of = |text: &str| good(&format!("upkeep_exceptions:\n- {text}")).upkeep_exceptions;
    let all = of("{package: openssl, vulnerability: CVE-2024-5535, image: 'nginx:*', reason: r}");
    assert_eq!((all[0].package.as_deref(), all[0].of.until), (Some("openssl"), None));
    assert_eq!(of("{check: upkeep.system_lts, reason: r}")[0].vulnerability, None);
    for (text, expected) in [
        ("{reason: r}", ": it accepts everything: say which `check`, `image`, `package` or"),
        ("{package: a, reason: ''}", ".reason: say why it is accepted"),
        ("{package: ' ', reason: r}", ".package: it names nothing: leave it out, or say which"),
        ("{check: posture.seccomp, reason: r}", ".check: it is none of upkeep.package,"),
        (
            "{check: upkeep.system_lts, vulnerability: CVE-1, reason: r}",
            ".check: only upkeep.package is about packages and vulnerabilities",
        ),
        ("{package: a, reason: r, until: soon}", ".until: it is the last day that it holds"),
    ] {
        let error = parse(&format!("upkeep_exceptions:\n- {text}")).unwrap_err();
        assert!(error.contains(&format!("upkeep_exceptions[0]{expected}")), "{error}");
    }
    let error = parse("posture_exceptions:\n- {check: upkeep.system_lts, reason: r}").unwrap_err();
    assert!(error.contains("accept it in `upkeep_exceptions`"), "{error}");
}
