//! Which changes replace pods: those of the configuration do, which is read at start only; those of
//! rules do not, since a daemon that runs reads them again.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::run as start;

/// Values of the chart that change the rules, and that change the configuration.
pub(super) const CHART: [&[&str]; 2] =
    [&["--set=rules.more\\.yaml=# more"], &["--set=config=ring_bytes = 1048576"]];

/// Files whose change changes the rules, and the configuration, of each overlay.
const FILES: [&str; 2] = ["base/rules/site.yaml", "base/config.yaml"];

/// Writes copies of the kustomizations in which the rules are others, and the configuration is.
pub(super) fn changed(kubernetes: &Path, out: &Path) -> Result<[PathBuf; 2]> {
    let copy = |file: &str| -> Result<PathBuf> {
        let to = out.join(format!("changed-{}", file.replace('/', "-")));
        start(Command::new("cp").arg("-r").arg(kubernetes).arg(&to))?;
        let changed = to.join(file);
        let mut text = OpenOptions::new().append(true).open(&changed).context("open a copy")?;
        text.write_all(b"# changed\n").context("change a copy")?;
        Ok(to)
    };
    let [rules, configuration] = FILES;
    Ok([copy(rules)?, copy(configuration)?])
}

/// Fails where changed rules replace pods, or a changed configuration does not.
pub(super) fn check(before: &[Value], rules: &[Value], configuration: &[Value]) -> Result<()> {
    ensure!(before != rules, "the rules are not in the objects");
    ensure!(pods(before) == pods(rules), "changed rules replace pods");
    ensure!(pods(before) != pods(configuration), "a changed configuration replaces no pods");
    Ok(())
}

/// What pods are made from: they are replaced when it changes.
fn pods(objects: &[Value]) -> Vec<&Value> {
    objects.iter().filter_map(|object| object.pointer("/spec/template")).collect()
}

/// Removes the copies.
pub(super) fn remove(copies: &[PathBuf]) -> Result<()> {
    copies.iter().try_for_each(|copy| fs::remove_dir_all(copy).context("remove a copy"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_replaces_pods_or_does_not() {
        let of = |rules: &str, template: &str| {
            vec![json!({"data": rules}), json!({"spec": {"template": template}})]
        };
        let before = of("a", "1");
        assert!(check(&before, &of("b", "1"), &of("a", "2")).is_ok());
        assert!(check(&before, &of("b", "2"), &of("a", "2")).is_err());
        assert!(check(&before, &of("b", "1"), &of("a", "1")).is_err());
        assert!(check(&before, &before, &of("a", "2")).is_err());
    }
}
