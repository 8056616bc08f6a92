//! Findings that are open, as a file: JSON, each container once.

use std::{collections::HashMap, sync::Arc};

use monitor_rules::Priority;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Activity, Check, Vulnerability, Vulnerable,
    kept::{Kept, Open},
    paper::Page,
};
use crate::{container::Container, enrich::container::ContainerFacts, source::recording::RawFacts};

/// The version of the form.
const VERSION: u32 = 1;

/// What stands for a check that this version does not have.
static RETIRED: Check = Check {
    id: "retired",
    title: "A check that this version does not have",
    priority: Priority::Notice,
    standards: &[],
    cure: "nothing is to be done: this version does not look for it",
};

/// Why its findings are closed.
const NOT_MADE: &str = "this version does not look for it any more";

/// Why those of a node are closed that has another name now.
const RENAMED: &str = "the node has another name now, and findings of its own";

/// Who writes: findings are of a node, and what it runs is of the time since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Writer {
    /// The name of the node.
    pub node: String,
    /// The time since it was started.
    pub boot_id: String,
}

/// What was open before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Findings that are open still, or are to be closed.
    pub findings: Vec<Kept>,
    /// The host was not started anew since.
    pub is_same_boot: bool,
    /// What people should know of it.
    pub said: Option<String>,
}

/// Writes them.
pub(super) fn write(writer: &Writer, page: &Page) -> String {
    let mut containers = Vec::new();
    let mut known: HashMap<*const Container, usize> = HashMap::new();
    let mut findings = Vec::with_capacity(page.findings.len());
    // Of what was closed, and is known to have come somewhere, nothing is left to be told.
    let is_left = |it: &&Kept| !(page.is_last && it.is_closed());
    for it in page.findings.iter().filter(is_left) {
        let container = &it.open.container;
        let index = *known.entry(Arc::as_ptr(container)).or_insert_with(|| {
            containers.push(facts(container));
            containers.len() - 1
        });
        findings.push(finding(it, index, page));
    }
    json!({
        "version": VERSION,
        "node": writer.node,
        "boot_id": writer.boot_id,
        "written_ns": page.now_ns,
        "containers": containers,
        "findings": findings,
    })
    .to_string()
}

fn facts(container: &Arc<Container>) -> Value {
    let cgroup_path = container.cgroup_path.clone();
    let facts = ContainerFacts { cgroup_path, container: Some(Arc::clone(container)) };
    serde_json::to_value(RawFacts::from(&facts)).unwrap_or_default()
}

fn finding(it: &Kept, container: usize, page: &Page) -> Value {
    let Kept { key, open, closed } = it;
    let is_doubtful = open.is_doubtful || !page.is_last && it.is_recent(page.now_ns);
    json!({
        "place": key.0,
        "check": key.1,
        "part": key.2,
        "uid": open.uid,
        "priority": open.priority.name(),
        "text": open.text,
        "first_ns": open.first_ns,
        "told_ns": open.told_ns,
        "container": container,
        "vulnerable": open.vulnerable.as_deref().map(vulnerable),
        "doubtful": is_doubtful.then(|| open.last.name()),
        "closed": closed.as_deref(),
    })
}

fn vulnerable(it: &Vulnerable) -> Value {
    let one = |it: &Vulnerability| {
        json!({
            "id": it.id,
            "severity": it.severity,
            "tenths": it.tenths,
            "vector": it.vector,
            "fixed": it.fixed,
            "exploited": it.exploited,
            "likelihood": it.likelihood,
        })
    };
    json!({
        "package": it.package,
        "version": it.version,
        "ecosystem": it.ecosystem,
        "installed": it.installed,
        "paths": it.paths,
        "fixed": it.fixed,
        "in_use": it.in_use,
        "exposed": it.exposed,
        "vulnerabilities": it.vulnerabilities.iter().map(one).collect::<Vec<_>>(),
        "more": it.more,
        "data_made_on": it.data_made_on,
    })
}

#[derive(Deserialize)]
struct Form {
    node: String,
    boot_id: String,
    containers: Vec<RawFacts>,
    findings: Vec<FormFinding>,
}

#[derive(Deserialize)]
struct FormFinding {
    place: String,
    check: String,
    part: String,
    uid: String,
    priority: String,
    text: String,
    first_ns: i64,
    told_ns: i64,
    container: usize,
    vulnerable: Option<FormVulnerable>,
    doubtful: Option<String>,
    closed: Option<String>,
}

#[derive(Deserialize)]
struct FormVulnerable {
    package: String,
    version: String,
    ecosystem: String,
    installed: Vec<(String, String)>,
    paths: Vec<String>,
    fixed: Option<String>,
    in_use: String,
    exposed: Vec<String>,
    vulnerabilities: Vec<FormVulnerability>,
    more: usize,
    data_made_on: i64,
}

#[derive(Deserialize)]
struct FormVulnerability {
    id: String,
    severity: String,
    tenths: Option<u8>,
    vector: String,
    fixed: Option<String>,
    exploited: Option<String>,
    likelihood: Option<u32>,
}

/// Reads them, for who knows these checks.
///
/// # Errors
///
/// It is none, or one of another version.
pub(super) fn read(
    text: &str,
    reader: &Writer,
    checks: &[&'static Check],
) -> Result<Before, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let wrong = |error: serde_json::Error| error.to_string();
    let Version { version } = serde_json::from_str(text).map_err(wrong)?;
    if version != VERSION {
        return Err(format!("it has version {version}, and not {VERSION}"));
    }
    let Form { node, boot_id, containers, findings } = serde_json::from_str(text).map_err(wrong)?;
    let is_same_boot = boot_id == reader.boot_id;
    let number = findings.len();
    if node != reader.node && !is_same_boot {
        // It may be a copy of what another node has, whose findings are not to be closed from here.
        let said = format!(
            "{number} findings that were open are of the node {node}, and this one is {}: they \
             are left as they are",
            reader.node
        );
        return Ok(Before { is_same_boot, said: Some(said), ..Before::default() });
    }
    let containers: Vec<Arc<Container>> =
        containers.into_iter().filter_map(|it| ContainerFacts::from(it).container).collect();
    let read = |it| kept(it, &containers, checks);
    let findings: Vec<Kept> = findings.into_iter().filter_map(read).collect();
    let lost = number.saturating_sub(findings.len());
    let said = (lost > 0).then(|| format!("{lost} findings that were open are of no known form"));
    let is_renamed = node != reader.node;
    let over = |it: Kept| if is_renamed { it.over(RENAMED) } else { it };
    Ok(Before { findings: findings.into_iter().map(over).collect(), is_same_boot, said })
}

fn kept(it: FormFinding, containers: &[Arc<Container>], checks: &[&'static Check]) -> Option<Kept> {
    let known = checks.iter().find(|check| check.id == it.check);
    let check: &'static Check = known.map_or(&RETIRED, |check| check);
    let last = match it.doubtful.as_deref() {
        Some("create") => Activity::Create,
        Some("close") => Activity::Close,
        _ => Activity::Update,
    };
    let open = Open {
        check,
        uid: it.uid,
        priority: Priority::from_name(&it.priority)?,
        text: it.text,
        first_ns: it.first_ns,
        vulnerable: it.vulnerable.map(|it| Arc::new(it.into())),
        container: Arc::clone(containers.get(it.container)?),
        last,
        told_ns: it.told_ns,
        is_doubtful: it.doubtful.is_some(),
    };
    let key = Arc::new((it.place.into(), check.id, it.part.into()));
    let kept = Kept { key, open: Arc::new(open), closed: it.closed.map(Into::into) };
    Some(if known.is_some() { kept } else { kept.over(NOT_MADE) })
}

impl From<FormVulnerable> for Vulnerable {
    fn from(it: FormVulnerable) -> Self {
        Self {
            package: it.package,
            version: it.version,
            ecosystem: it.ecosystem,
            installed: it.installed,
            paths: it.paths,
            fixed: it.fixed,
            in_use: word(&it.in_use),
            exposed: it.exposed,
            vulnerabilities: it.vulnerabilities.into_iter().map(Into::into).collect(),
            more: it.more,
            data_made_on: it.data_made_on,
        }
    }
}

impl From<FormVulnerability> for Vulnerability {
    fn from(it: FormVulnerability) -> Self {
        Self {
            id: it.id,
            severity: word(&it.severity),
            tenths: it.tenths,
            vector: it.vector,
            fixed: it.fixed,
            exploited: it.exploited,
            likelihood: it.likelihood,
        }
    }
}

/// What there are words for: how something is used, and how grave it is.
const WORDS: [&str; 11] = [
    "executed",
    "mapped",
    "opened",
    "not observed",
    "critical",
    "high",
    "medium",
    "low",
    "none",
    "unknown",
    "",
];

fn word(of: &str) -> &'static str {
    WORDS.into_iter().find(|word| *word == of).unwrap_or("unknown")
}

#[cfg(test)]
mod tests;
