//! What is vulnerable on this host, for people and as JSON.

use serde_json::{Value, json};

use super::{
    finding_json,
    installed::{Scene, Vulnerable},
    row,
};
use crate::{
    commands::{data::moment, rules::table, running::shown},
    container::short,
    document::{members::set, printable::lossless, text::rfc3339},
    logging::count,
    vulns::{Finding, InUse},
};

/// Names of containers of one image that are told to people.
const NAMES: usize = 4;

type IsTold<'f> = &'f dyn Fn(&Finding, &InUse) -> bool;

/// For people.
pub(super) fn text(scene: &Scene, is_told: IsTold<'_>) -> String {
    let mut text: String = scene.roots.iter().map(|root| page(root, is_told)).collect();
    text.push_str(match scene.usage_ns {
        Some(_) => "",
        None => {
            "what is in use is what is mapped at this moment: the daemon knows more (`in_use: \
             true`)\n"
        }
    });
    let days = count(usize::try_from(scene.report.age_days).unwrap_or_default(), "day");
    text.push_str(&format!("data made on {}, {days} ago\n", moment(scene.report.made_on)));
    text
}

/// Who has a root.
pub(in crate::commands) fn names(root: &Vulnerable) -> String {
    let names: Vec<String> = root.names.iter().take(NAMES).map(|name| shown(name)).collect();
    let more = root.names.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let image = root.containers.first().and_then(|it| it.image.known());
    let image = image.map_or_else(String::new, |image| format!(" ({})", shown(image)));
    format!("{}{more}{image}", names.join(", "))
}

fn page(root: &Vulnerable, is_told: IsTold<'_>) -> String {
    let names = names(root);
    if let Some(why) = root.not_read {
        return format!("{names}: its root is not read: {why}\n\n");
    }
    let told: Vec<&(Finding, InUse)> =
        root.findings.iter().filter(|(it, in_use)| is_told(it, in_use)).collect();
    let open = || told.iter().filter(|(it, _)| it.accepted.is_none());
    let used = open().filter(|(_, in_use)| matches!(in_use, InUse::Seen(_))).count();
    let mut text = format!(
        "{names}: {} in {}, {used} in use\n",
        match open().count() {
            1 => "1 vulnerability".to_owned(),
            many => format!("{many} vulnerabilities"),
        },
        count(root.packages, "package"),
    );
    for gap in &root.gaps {
        text.push_str(&format!("  not all of it is known: {gap}\n"));
    }
    if !told.is_empty() {
        let head = [
            "  IN USE",
            "VULNERABILITY",
            "SEVERITY",
            "EXPLOITED",
            "PACKAGE",
            "VERSION",
            "FIXED IN",
            "",
        ];
        let rows = told.iter().map(|(finding, in_use)| {
            let [id, severity, exploited, package, version, fixed, note] = row(finding);
            let in_use = format!("  {}", in_use.name());
            [in_use, id, severity, exploited, package, version, fixed, note]
        });
        text.push_str(&table(std::iter::once(head.map(str::to_owned)).chain(rows).collect()));
    }
    let why = told.iter().find_map(|(_, in_use)| match in_use {
        InUse::Unknown(why) => Some(why),
        _ => None,
    });
    if let Some(why) = why {
        text.push_str(&format!("  use is not known of all: {}\n", shown(why)));
    }
    let is_unseen = told.iter().any(|(_, in_use)| *in_use == InUse::NotObserved);
    if let (true, Some(since_ns)) = (is_unseen, root.coverage.since_ns) {
        text.push_str(&format!("  not observed: since {}\n", rfc3339(since_ns)));
    }
    for (number, what) in [
        (told.len() - open().count(), "are accepted (upkeep_exceptions), not counted"),
        (root.unknown, "packages cannot be judged by these data"),
        (root.unplaced, "packages are of sorts or releases that no data are about"),
        (root.brought, "are of packages of languages that one of the system brought, not counted"),
    ] {
        if number > 0 {
            text.push_str(&format!("  {number} {what}\n"));
        }
    }
    text.push('\n');
    text
}

/// For programs: one document.
pub(super) fn json(scene: &Scene, is_told: IsTold<'_>, max_age: i64) -> String {
    let value = json!({
        "pack": {
            "made_on": moment(scene.report.made_on),
            "age_days": scene.report.age_days,
            "is_old": scene.report.age_days > max_age,
        },
        "usage_written": scene.usage_ns.map(rfc3339),
        "roots": scene.roots.iter().map(|root| of_root(root, is_told)).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn of_root(root: &Vulnerable, is_told: IsTold<'_>) -> Value {
    let told = root.findings.iter().filter(|(it, in_use)| is_told(it, in_use));
    let one = |(finding, in_use): &(Finding, InUse)| {
        let mut value = finding_json(finding);
        set(&mut value, &["in_use"], used(in_use));
        let reached = matches!(in_use, InUse::Seen(_)).then(|| root.exposed(finding));
        set(&mut value, &["exposed"], json!(reached.unwrap_or_default()));
        value
    };
    let containers = root
        .containers
        .iter()
        .map(|it| json!({ "id": it.id, "name": it.name.known(), "short_id": short(&it.id) }));
    let first = root.containers.first();
    json!({
        "names": root.names,
        "containers": containers.collect::<Vec<_>>(),
        "image": first.and_then(|it| it.image.known()),
        "image_digest": first.and_then(|it| it.image_digest.known()),
        "os": root.os.as_ref().map(monitor_inventory::OsRelease::label),
        "not_read": root.not_read,
        "gaps": root.gaps,
        "packages": root.packages,
        "listens_at": root.ports,
        "coverage": coverage(root),
        "findings": told.map(one).collect::<Vec<_>>(),
        "unknown": root.unknown,
        "unplaced": root.unplaced,
        "brought_by_the_system": root.brought,
    })
}

fn used(in_use: &InUse) -> Value {
    match in_use {
        InUse::Seen(used) => json!({
            "state": used.how.name(),
            "first": rfc3339(used.first_ns),
            "last": rfc3339(used.last_ns),
            "by_root": used.by_root,
        }),
        InUse::NotObserved => json!({ "state": "not_observed" }),
        InUse::Unknown(why) => json!({ "state": "unknown", "because": lossless(why.as_bytes()) }),
    }
}

/// How much was seen, and since when.
fn coverage(root: &Vulnerable) -> Value {
    let it = &root.coverage;
    json!({
        "since": it.since_ns.map(rfc3339),
        "containers": it.containers,
        "from_start": it.from_start,
        "observed_seconds": it.observed_seconds,
        "lost": it.lost,
        "no_room": it.no_room,
        "unnamed": it.unnamed,
        "lacks": root.lacks,
    })
}
