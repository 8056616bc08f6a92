//! What more rules cost: the shipped ones, three hundred, and a hundred more about acts that the
//! recording hardly has. Matching alone, measured by `runmon rules bench`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Place;

/// Rules of the second set.
const MANY: usize = 300;
/// Rules that the third has more.
const OTHERS: usize = 100;
/// Each set is measured so often, in turn; the median counts.
const ROUNDS: usize = 3;

/// A set of rules, and what it takes.
#[derive(Clone, Debug)]
pub(crate) struct Matching {
    /// What is in it.
    pub(crate) rules: &'static str,
    /// How many rules are on.
    pub(crate) enabled: u64,
    /// Nanoseconds an event.
    pub(crate) event_ns: f64,
}

/// Measures the three sets on a recording.
pub(crate) fn measure(place: &Place, shipped: &Path, recording: &Path) -> Result<Vec<Matching>> {
    let enabled = bench(place, &[shipped], recording)?.0;
    let more = MANY.saturating_sub(usize::try_from(enabled)?);
    let many = place.rules("many.yaml", &numbered(more, SIMILAR))?;
    let others = place.rules("others.yaml", &numbered(OTHERS, OTHER_KIND))?;
    let sets: [(&str, Vec<&Path>); 3] = [
        ("shipped", vec![shipped]),
        ("three hundred", vec![shipped, &many]),
        ("and a hundred about datagrams", vec![shipped, &many, &others]),
    ];
    let mut times = vec![Vec::new(); sets.len()];
    let mut counts = vec![0; sets.len()];
    for _ in 0..ROUNDS {
        for ((time, count), (_, paths)) in times.iter_mut().zip(&mut counts).zip(&sets) {
            let (enabled, event_ns) = bench(place, paths, recording)?;
            *count = enabled;
            time.push(event_ns);
        }
    }
    let rows = sets.iter().zip(times).zip(counts);
    Ok(rows
        .map(|(((rules, _), mut time), enabled)| {
            time.sort_by(f64::total_cmp);
            let event_ns = time.get(time.len() / 2).copied().unwrap_or(f64::NAN);
            Matching { rules, enabled, event_ns }
        })
        .collect())
}

/// Rules that are on, and nanoseconds an event.
fn bench(place: &Place, rules: &[&Path], recording: &Path) -> Result<(u64, f64)> {
    let mut command = Command::new(&place.runmon);
    command.args(["rules", "bench", "--json"]).arg(recording);
    for path in rules {
        command.arg("--rules").arg(path);
    }
    let output = command.output().context("cannot start runmon rules bench")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "runmon rules bench failed: {errors}");
    let told: Value = serde_json::from_slice(&output.stdout).context("no JSON")?;
    let rules = told.get("rules").and_then(Value::as_array).context("no rules in it")?;
    let event_ns = told.get("event_ns").and_then(Value::as_f64).context("no time in it")?;
    Ok((rules.len() as u64, event_ns))
}

/// Conditions as rule files have them, `N` a number: by name, path, folder, end, text, address.
const SIMILAR: &[&str] = &[
    "evt.type = execve and proc.name in (tool-N, tool-N-x) and not proc.pname = make-N",
    "evt.type = execve and proc.exepath startswith /opt/vendor-N/ and container.id != host",
    "evt.type = execve and proc.cmdline contains \"--option-N\" and proc.name = service-N",
    "evt.type = open and evt.is_open_write = true and fd.name startswith /etc/app-N/",
    "evt.type = open and evt.is_open_write = true and fd.filename in (secret-N, secret-N.bak)",
    "evt.type = open and evt.is_open_write = true and fd.directory = /srv/data-N",
    "evt.type = open and evt.is_open_write = true and fd.name endswith .ext-N and proc.name = w-N",
    "evt.type = connect and fd.sip = \"10.20.30.N\" and fd.sport = 443",
    "evt.type = connect and fd.sport in (30N, 40N) and not proc.name in (client-N, agent-N)",
];

const OTHER_KIND: &[&str] =
    &["evt.type = sendto and fd.sip = \"10.40.50.N\"", "evt.type = sendto and proc.name = peer-N"];

fn numbered(count: usize, conditions: &[&str]) -> String {
    let mut text = String::new();
    for (number, condition) in (0..count).zip(conditions.iter().cycle()) {
        let condition = condition.replace('N', &(number % 250).to_string());
        let name = format!("{} {number}", condition.split(' ').nth(2).unwrap_or_default());
        text.push_str(&format!(
            "- rule: {name}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: DEBUG\n"
        ));
    }
    text
}
