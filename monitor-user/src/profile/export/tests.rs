use super::*;
use crate::{
    profile::file,
    rules::{self, testing::run_tests},
};
use monitor_rules::RuleFile;

const TEXT: &str = r#"
profile: 1
image: "docker.io/library/web:1"
mode: alert
approved: {by: "shop team", on: "2026-11-29"}
coverage: {containers: 2, from_start: 2, agreed: 1, observed_seconds: 30, quiet_seconds: 7,
  events: 99, alerted: 0, held_back: 0, no_room: 0, lost: 0}
programs:
- {path: "/bin/sh", script: "/start.sh", parent: "outside", user: 33}
- {path: "/usr/sbin/web", parent: "/bin/sh", user: 33}
files:
- "/a\\x1b \\{number\\},[x]\"y"
- "/dev/shm/x"
- "/run/web.{number}.pid"
- "/tmp/tmp.{random}"
connections:
- "tcp 10.0.0.0/24:5432"
- "tcp 127.0.0.1:9000"
- "tcp api.shop.svc:80"
- "tcp [2001:db8::1]:80"
- "tcp db.example.com:5432"
- "udp 10.96.0.10:53"
- "unix /run/log.sock"
listeners:
- "tcp 8080"
- "udp ephemeral"
names:
- "*.example.com"
capabilities:
- "CAP_NET_BIND_SERVICE"
acts:
- {act: setuid, by: "/usr/sbin/web"}
syscalls:
- "openat"
- "read"
"#;

fn profile() -> Profile {
    file::read("web-1", TEXT).unwrap()
}

fn text(form: Form) -> String {
    export(&profile(), form).unwrap().text
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|it| it.trim_start() == *line), "{line} in\n{text}");
    }
}

#[test]
fn every_form_says_from_what_evidence() {
    for (name, form) in Form::ALL {
        let exported = export(&profile(), form).unwrap();
        for said in ["docker.io/library/web:1", "99 events of 2 containers", "by shop team", name] {
            assert!(exported.text.contains(said), "{said} in {}", exported.text);
        }
        assert!(exported.notes[0].contains("is not complete"), "{:?}", exported.notes);
    }
}

#[test]
fn a_network_policy_lets_out_what_went_out() {
    let text = text(Form::NetworkPolicy);
    has(
        &text,
        &[
            "- {protocol: TCP, port: 8080}",
            "- {protocol: UDP, port: 32768, endPort: 65535}",
            "- ipBlock: {cidr: \"10.0.0.0/24\"}",
            "- ipBlock: {cidr: \"2001:db8::1/128\"}",
            "# connections: tcp db.example.com:5432, whose addresses are not known to a policy",
            "matchLabels: {kubernetes.io/metadata.name: \"shop\"}",
            "- {protocol: UDP, port: 53}",
            "- {protocol: TCP, port: 53}",
            "# - tcp 127.0.0.1:9000: it does not leave the pod",
        ],
    );
    assert!(!text.contains("127.0.0.1/32"), "{text}");
    let policy: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], 8080);
    let to = policy["spec"]["egress"].as_array().unwrap();
    assert_eq!(to.len(), 5, "{to:#?}");

    let nothing =
        export(&Profile { behaviour: Default::default(), ..profile() }, Form::NetworkPolicy);
    let policy: serde_json::Value = serde_saphyr::from_str(&nothing.unwrap().text).unwrap();
    assert_eq!(policy["spec"]["egress"].as_array().unwrap().len(), 0);
    assert_eq!(policy["spec"]["ingress"].as_array().unwrap().len(), 0);
}

#[test]
fn a_security_context_takes_what_is_not_needed() {
    let text = text(Form::SecurityContext);
    let context: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let container = &context["spec"]["containers"][0];
    let said = &container["securityContext"];
    assert_eq!(said["runAsNonRoot"], true);
    assert_eq!(said["runAsUser"], 33);
    assert_eq!(said["allowPrivilegeEscalation"], false);
    assert_eq!(said["capabilities"]["drop"][0], "ALL");
    assert_eq!(said["capabilities"]["add"][0], "NET_BIND_SERVICE");
    assert_eq!(said["readOnlyRootFilesystem"], false, "/a... is in no volume: {text}");

    let of = |change: fn(&str) -> String| {
        let profile = file::read("web", &change(TEXT)).unwrap();
        let text = export(&profile, Form::SecurityContext).unwrap().text;
        serde_saphyr::from_str::<serde_json::Value>(&text).unwrap()["spec"].clone()
    };
    let temporary =
        of(|text| text.replace("\"/a\\\\x1b \\\\{number\\\\},[x]\\\"y\"", "\"/proc/x\""));
    assert_eq!(temporary["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(temporary["containers"][0]["volumeMounts"][1]["mountPath"], "/tmp");
    assert_eq!(temporary["volumes"][0]["name"], "run");
    let gains =
        of(|text| text.replace("parent: \"/bin/sh\", user: 33", "parent: \"/bin/sh\", user: 0"));
    let said = &gains["containers"][0]["securityContext"];
    assert_eq!(
        (&said["allowPrivilegeEscalation"], &said["runAsNonRoot"]),
        (&true.into(), &false.into())
    );
    let admin = of(|text| text.replace("CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"));
    assert_eq!(admin["containers"][0]["securityContext"]["allowPrivilegeEscalation"], true);
}

#[test]
fn rules_are_taken_and_their_tests_pass() {
    for digest in ["", "digest: \"sha256:ab\"\n"] {
        let profile =
            file::read("web-1", &TEXT.replace("mode:", &format!("{digest}mode:"))).unwrap();
        let text = export(&profile, Form::FalcoRules).unwrap().text;
        let loaded = rules::load(&[RuleFile { name: "web.yaml", bytes: text.as_bytes() }]);
        assert!(!loaded.has_errors(), "{:#?}\n{text}", loaded.diagnostics);
        let reports = run_tests(&loaded.rules);
        assert_eq!(reports.len(), 11, "{text}");
        for report in reports {
            assert!(report.passed(), "{report:#?}\n{text}");
        }
    }
}

#[test]
fn apparmor_rules_are_as_narrow_as_its_globs_are() {
    let text = text(Form::AppArmor);
    has(
        &text,
        &[
            "\"/bin/sh\" mrix,",
            "\"/start.sh\" mrix,",
            "\"/run/web.[0-9]*.pid{,/}\" rwlk,",
            "\"/tmp/tmp.*{,/}\" rwlk,",
            "\"/a? \\{number\\}\\,\\[x\\]\\\"y{,/}\" rwlk,",
            "\"/run/log.sock\" rw,",
            "network inet stream,",
            "capability net_bind_service,",
        ],
    );
}

#[test]
fn a_seccomp_profile_lets_what_was_called_and_what_a_start_needs() {
    let text = text(Form::Seccomp);
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
    assert_eq!(profile["syscalls"][0]["names"], serde_json::json!(["openat", "read"]));
    let start = profile["syscalls"][1]["names"].as_array().unwrap();
    assert!(start.contains(&"execve".into()) && !start.contains(&"read".into()));
    let without = file::read("web", TEXT.split("syscalls:").next().unwrap()).unwrap();
    assert_eq!(export(&without, Form::Seccomp), Err(ExportError::NoSyscalls));
}
