use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    document::{
        Heartbeat,
        heartbeat::{
            Degraded, HookState, KindCounters, ProgramState, RuleState, SinkCounters, StoreCounters,
        },
        metrics::Served,
    },
    judge::RuleTally,
    sink::trouble::Trouble,
};

const HOSTILE: &str = "a\"b\\c\nd\u{e9}{x=\"1\"} 7";

/// A moment in which every metric has a sample.
pub(in crate::document) fn example() -> Moment {
    let names = |names: &[&'static str]| names.iter().copied().zip(10..).collect::<Vec<_>>();
    let table = super::super::metrics::METRICS.iter().copied().flatten();
    let places = table.flat_map(|metric| metric.places).map(|(place, _)| *place);
    let below = |start: &'static str| -> Vec<&'static str> {
        places.clone().filter_map(|place| place.strip_prefix(start)).collect()
    };
    let tally =
        RuleTally { matches: 5, excepted: vec![("e".to_owned(), 2)], ..RuleTally::default() };
    let rule =
        |id: &str| RuleState { id: id.to_owned(), tally: tally.clone(), ..RuleState::default() };
    let program = ProgramState {
        attach: "fexit/f".into(),
        fires: Some(true),
        cost: Some((3, 1_500_000_007)),
    };
    let hook = |kind, programs, backend| HookState { kind, backend, programs, blind: Vec::new() };
    let heartbeat = Heartbeat {
        kernel: names(&below("kernel.counters.")),
        tables: names(&below("tables.")),
        kinds: vec![KindCounters {
            kind: "exec",
            attempted: u64::MAX,
            dropped: vec![("ring_full", 3), ("bucket_empty", 4)],
            ..KindCounters::default()
        }],
        store: Some(StoreCounters { bytes: 4096, bytes_max: 8192, ..StoreCounters::default() }),
        web: Some(crate::document::heartbeat::WebCounters { refused: 2, ..Default::default() }),
        sinks: vec![SinkCounters {
            name: HOSTILE.to_owned(),
            offered: 9,
            delivered: 4,
            trouble: Some(Trouble::CertificateExpired),
            ..Default::default()
        }],
        hooks: vec![
            hook("exec", vec![program], Some("fentry")),
            hook("dns_query", Vec::new(), None),
        ],
        rule_states: vec![rule("one"), rule("two")],
        profiles: vec![crate::profile::differences::Difference::default()],
        degraded: vec![Degraded::SinkStuck],
        rules: 2,
        ..Heartbeat::default()
    };
    let served = Served { answered: [1, 2, 3, 4], too_many: 5, slow: 6, broken: 7 };
    Moment { heartbeat, missing: Vec::new(), started_ns: 1_700_000_000_000_000_001, served }
}

/// What a text says of one family.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    unit: Option<String>,
    samples: BTreeMap<(String, Vec<(String, String)>), String>,
}

/// A reader of its own, strict about what both formats ask for.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let (mut current, mut ended) = (String::new(), BTreeSet::new());
    for line in text.strip_suffix('\n').expect("a line feed at the end").split('\n') {
        assert_ne!(line, "", "an empty line");
        if let Some(rest) = line.strip_prefix("# ") {
            if rest == "EOF" {
                continue;
            }
            let (word, rest) = rest.split_once(' ').unwrap();
            let (name, said) = rest.split_once(' ').unwrap();
            if name != current {
                assert!(ended.insert(name.to_owned()), "{name} is told of in two places");
                current = name.to_owned();
            }
            let family = families.entry(name.to_owned()).or_default();
            assert!(family.samples.is_empty(), "{line} behind samples");
            match word {
                "HELP" => family.help = unescape(said),
                "TYPE" => family.kind = said.to_owned(),
                "UNIT" => family.unit = Some(said.to_owned()),
                _ => panic!("{line}"),
            }
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        assert!(name.starts_with(&current), "{name} below {current}");
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (label, value) = rest.split_once("=\"").unwrap();
                let close = closing_quote(value);
                labels.push((label.to_owned(), unescape(&value[..close])));
                rest = &value[close + 1..];
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').unwrap();
        }
        let value = rest.strip_prefix(' ').unwrap();
        value.parse::<f64>().unwrap();
        let family = families.get_mut(&current).unwrap();
        let sample = (name.to_owned(), labels);
        assert!(family.samples.insert(sample, value.to_owned()).is_none(), "twice: {line}");
    }
    families
}

fn closing_quote(text: &str) -> usize {
    let mut is_escaped = false;
    text.char_indices()
        .find(|(_, it)| {
            let is_end = *it == '"' && !is_escaped;
            is_escaped = *it == '\\' && !is_escaped;
            is_end
        })
        .unwrap()
        .0
}

fn unescape(text: &str) -> String {
    let (mut out, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next().unwrap() {
                'n' => out.push('\n'),
                other @ ('\\' | '"') => out.push(other),
                other => panic!("\\{other} in {text}"),
            },
            letter => out.push(letter),
        }
    }
    out
}

fn value(
    families: &BTreeMap<String, Family>,
    family: &str,
    name: &str,
    labels: &[(&str, &str)],
) -> String {
    let labels =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    families[family].samples[&(name.to_owned(), labels)].clone()
}

#[test]
fn prometheus_reads_it() {
    let text = Exposition::Prometheus.write(&example());
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    let families = parse(&text);
    let name = "runmon_sink_queued";
    assert_eq!(value(&families, name, name, &[("sink", HOSTILE)]), "5");
    assert_eq!(families[name].kind, "gauge");
    let name = "runmon_kernel_attempted_total";
    assert_eq!(families[name].kind, "counter");
    // No digit is lost on the way.
    assert_eq!(value(&families, name, name, &[("kind", "exec")]), u64::MAX.to_string());
    let name = "runmon_build_info";
    assert_eq!(families[name].kind, "gauge");
    assert_eq!(value(&families, name, name, &[("version", env!("CARGO_PKG_VERSION"))]), "1");
    let name = "runmon_program_run_seconds_total";
    let labels = [("kind", "exec"), ("program", "fexit/f")];
    assert_eq!(value(&families, name, name, &labels), "1.500000007");
    let name = "runmon_degraded";
    assert_eq!(value(&families, name, name, &[("reason", "sink_stuck")]), "1");
    assert_eq!(value(&families, name, name, &[("reason", "flood")]), "0");
    assert_eq!(families[name].samples.len(), Degraded::ALL.len());
}

#[test]
fn openmetrics_reads_it() {
    let text = Exposition::OpenMetrics.write(&example());
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let families = parse(&text);
    for (name, family) in &families {
        let end = match family.kind.as_str() {
            "counter" => "_total",
            "gauge" => "",
            "info" => "_info",
            other => panic!("{name}: {other}"),
        };
        for (sample, _) in family.samples.keys() {
            assert_eq!(*sample, format!("{name}{end}"));
        }
        assert!(family.unit.iter().all(|unit| name.ends_with(&format!("_{unit}"))), "{name}");
        assert!(!family.help.is_empty() && !family.samples.is_empty(), "{name}");
    }
    let name = "runmon_start_time_seconds";
    assert_eq!(value(&families, name, name, &[]), "1700000000.000000001");
    assert_eq!(families[name].unit.as_deref(), Some("seconds"));
    assert_eq!(families["runmon_table_process_bytes"].unit.as_deref(), Some("bytes"));
    // Both tell the same numbers.
    let other = parse(&Exposition::Prometheus.write(&example()));
    let all = |families: &BTreeMap<String, Family>| -> Vec<_> {
        let mut all: Vec<_> = families.values().flat_map(|it| it.samples.clone()).collect();
        all.sort();
        all
    };
    assert_eq!(all(&families), all(&other));
}

/// What cannot be read is left out: no number is better than a false one.
#[test]
fn what_is_not_known_is_not_told() {
    let text = Exposition::OpenMetrics.write(&Moment::default());
    let families = parse(&text);
    assert!(!families.contains_key("runmon_kernel_own_acts"));
    assert!(!families.contains_key("runmon_sink_offered"));
    assert!(families.contains_key("runmon_line_records"));
}

#[test]
fn the_format_is_what_the_client_likes() {
    use Exposition::{OpenMetrics, Prometheus};
    for (header, format) in [
        ("", Prometheus),
        ("*/*", Prometheus),
        ("text/plain", Prometheus),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Prometheus),
        ("application/openmetrics-text", OpenMetrics),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OpenMetrics),
        ("Application/OpenMetrics-Text;Version=\"1.0.0\"", OpenMetrics),
        ("application/openmetrics-text;version=2.0.0", Prometheus),
        ("application/openmetrics-text;q=0", Prometheus),
        ("application/openmetrics-text;q=2", Prometheus),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", Prometheus),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
             q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OpenMetrics,
        ),
        (";;;,,=,q=1", Prometheus),
    ] {
        assert_eq!(Exposition::accepted(header), format, "{header}");
    }
}
