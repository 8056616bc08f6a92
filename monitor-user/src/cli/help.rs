//! What `--help` says beside the arguments: commands by what one wants to do, and examples.

use clap::{Command, CommandFactory as _, builder::StyledStr};

use super::Cli;

/// The commands, by what one wants to do, in the order in which a newcomer needs them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Look at what happens", &["tail", "top", "alerts", "record", "replay"]),
    ("Watch and alert", &["run", "status", "web", "verify-stream"]),
    ("Say what is expected", &["rules", "profile", "policy", "diff", "posture"]),
    ("Know what is there", &["report", "inventory", "images", "vulns", "data"]),
    ("Set up", &["doctor", "config"]),
    ("Help", &["completions", "man", "help"]),
];

/// Examples of each command, by its name below `runmon`.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("run", &["sudo runmon run", "sudo runmon run --config /etc/runmon/config.yaml"]),
    (
        "tail",
        &[
            "sudo runmon tail",
            "sudo runmon tail 'container.id != host and evt.type = execve'",
            "sudo runmon tail --container web 'evt.type = connect and fd.rport = 443'",
            "sudo runmon tail --alerts",
            "sudo runmon tail --tree --exec make install",
            "sudo runmon tail --fields evt.time,proc.cmdline,fd.name --pid 1 --follow-children",
        ],
    ),
    (
        "alerts",
        &[
            "sudo runmon alerts --since 1h --priority warning",
            "sudo runmon alerts 'proc.name = curl and container.id != host'",
            "sudo runmon alerts --group-by rule",
        ],
    ),
    ("alerts show", &["sudo runmon alerts show 3f9a1c04b2d7"]),
    (
        "alerts except",
        &["sudo runmon alerts except 3f9a1c04b2d7 --owner ops --reason backups --expires 90d"],
    ),
    #[cfg(feature = "top")]
    ("top", &["sudo runmon top"]),
    (
        "record",
        &["sudo runmon record -o incident.rec", "sudo runmon record -o minute.rec --for 60s"],
    ),
    (
        "replay",
        &[
            "runmon replay incident.rec",
            "runmon replay incident.rec --rules my-rules/ --events",
            "runmon replay incident.rec --where 'container.name = web' --from 5m -o web.rec",
            "runmon replay incident.rec --events --format ocsf -o incident.ndjson",
        ],
    ),
    ("rules", &["runmon rules list", "runmon rules check my-rules/"]),
    ("rules check", &["runmon rules check my-rules/"]),
    (
        "rules test",
        &[
            "runmon rules test my-rules/",
            "runmon rules test my-rules/ --from incident.rec -o my-rules/tests.yaml",
        ],
    ),
    (
        "rules list",
        &["runmon rules list", "runmon rules list --priority warning --technique T1059"],
    ),
    ("rules explain", &["runmon rules explain 'Terminal shell in container'"]),
    ("rules bench", &["runmon rules bench busy.rec -r my-rules/"]),
    ("rules disable", &["sudo runmon rules disable 'Terminal shell in container' --for 1h"]),
    ("rules enable", &["sudo runmon rules enable 'Terminal shell in container'"]),
    ("rules fields", &["runmon rules fields"]),
    ("rules import", &["runmon rules import sigma sigma/rules/linux -o sigma.yaml"]),
    ("rules import sigma", &["runmon rules import sigma sigma/rules/linux -o sigma.yaml"]),
    (
        "profile",
        &["runmon profile learn --from day.rec -o profiles/", "runmon profile list profiles/"],
    ),
    ("profile learn", &["runmon profile learn --from day.rec -o profiles/ --image shop/web"]),
    ("profile list", &["runmon profile list profiles/"]),
    ("profile show", &["runmon profile show profiles/web-1.27.yaml"]),
    ("profile diff", &["runmon profile diff old/web-1.27.yaml new/web-1.28.yaml"]),
    ("profile merge", &["runmon profile merge one/web.yaml two/web.yaml -o web.yaml"]),
    ("profile approve", &["runmon profile approve profiles/web-1.27.yaml --by ops"]),
    (
        "profile export",
        &[
            "runmon profile export web.yaml --as seccomp -o web.json",
            "runmon profile export web.yaml --as networkpolicy > policy.yaml",
        ],
    ),
    (
        "posture",
        &[
            "sudo runmon posture",
            "sudo runmon posture host --all",
            "sudo runmon posture web --all",
            "sudo runmon posture --root /mnt/image",
            "runmon posture --list",
        ],
    ),
    (
        "report",
        &[
            "sudo runmon report --pack vulns.pack",
            "sudo runmon report --pack vulns.pack -o html > report.html",
        ],
    ),
    ("diff", &["sudo runmon diff web", "sudo runmon diff 3f1c2b9a --json"]),
    (
        "inventory",
        &[
            "sudo runmon inventory",
            "sudo runmon inventory web --packages",
            "sudo runmon inventory host --output json",
            "sudo runmon inventory web --sbom web.cdx.json",
        ],
    ),
    (
        "images",
        &[
            "sudo runmon images",
            "sudo runmon images --plan",
            "sudo runmon images --plan --unused-for 60 --except 'registry.example:5000/base/**'",
            "sudo runmon images --output json",
        ],
    ),
    ("policy", &["runmon policy check --policy policy.yaml nginx:1.27"]),
    (
        "policy check",
        &[
            "runmon policy check --policy policy.yaml nginx:1.27 quay.io/shop/web:3",
            "sudo runmon policy check --policy policy.yaml --running",
        ],
    ),
    ("data", &["runmon data build --osv all.zip -o vulns.pack", "runmon data show vulns.pack"]),
    (
        "data build",
        &[
            "runmon data build --osv Debian/all.zip PyPI/all.zip -o vulns.pack",
            "runmon data build --osv osv/ --debian-tracker deb.json --kev kev.json -o vulns.pack",
        ],
    ),
    ("data show", &["runmon data show vulns.pack"]),
    ("data verify", &["runmon data verify vulns.pack"]),
    (
        "vulns",
        &[
            "runmon vulns --pack vulns.pack --sbom image.cdx.json",
            "runmon vulns --pack vulns.pack --sbom image.cdx.json --only-fixed --severity high",
        ],
    ),
    (
        "verify-stream",
        &[
            "runmon verify-stream alerts.json",
            "cat alerts.json.1 alerts.json | runmon verify-stream -",
        ],
    ),
    ("status", &["sudo runmon status", "sudo runmon status --cost"]),
    #[cfg(feature = "web")]
    ("web", &["sudo runmon web"]),
    ("config", &["runmon config check"]),
    ("config check", &["runmon config check", "runmon config check new.yaml"]),
    ("config show", &["runmon config show"]),
    ("config schema", &["runmon config schema > runmon.schema.json"]),
    ("doctor", &["sudo runmon doctor"]),
    (
        "completions",
        &[
            "runmon completions bash > /usr/share/bash-completion/completions/runmon",
            "runmon completions zsh > /usr/share/zsh/vendor-completions/_runmon",
            "runmon completions fish > ~/.config/fish/completions/runmon.fish",
        ],
    ),
    ("man", &["runmon man /usr/local/share/man/man1"]),
];

/// The command line with all that `--help` says.
#[must_use]
pub fn command() -> Command {
    let command = with_examples(Cli::command(), "");
    let template = template(&command);
    command.help_template(template)
}

/// The same without what is not for people to call: for manual pages and completions.
#[must_use]
pub fn visible() -> Command {
    let all = command();
    let seen = all.get_subcommands().filter(|below| !below.is_hide_set());
    Command::new("runmon")
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .after_help(all.get_after_help().cloned().unwrap_or_default())
        .args(all.get_arguments().cloned())
        .subcommands(seen.cloned())
        .disable_help_subcommand(true)
}

/// Adds the examples to a command and to those below it.
fn with_examples(command: Command, path: &str) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let mut command = command;
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |below| with_examples(below, path.trim_start()));
    }
    let Some((_, examples)) = EXAMPLES.iter().find(|(known, _)| *known == path) else {
        return command;
    };
    let mut text = if examples.len() == 1 { "Example:" } else { "Examples:" }.to_owned();
    for example in *examples {
        text.push_str(&format!("\n  {example}"));
    }
    if let Some(rest) = command.get_after_help() {
        text.push_str(&format!("\n\n{rest}"));
    }
    command.after_help(text)
}

/// Help with the commands in their groups.
fn template(command: &Command) -> StyledStr {
    let styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let title = |text: &str| format!("{}{text}:{}", header.render(), header.render_reset());
    let mut text = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let groups = groups(command);
    let names = groups.iter().flat_map(|(_, commands)| commands);
    let width = names.map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, commands) in groups {
        text.push_str(&format!("\n{}\n", title(name)));
        for (name, about) in commands {
            let (on, off) = (literal.render(), literal.render_reset());
            text.push_str(&format!("  {on}{name:width$}{off}  {about}\n"));
        }
    }
    text.push_str(&format!("\n{}\n{{options}}{{after-help}}", title("Options")));
    text.into()
}

/// Each group with its commands and what they do. One that is in none is among the last.
fn groups(command: &Command) -> Vec<(&'static str, Vec<(String, String)>)> {
    let mut left: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .map(|below| {
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            (below.get_name().to_owned(), about)
        })
        .collect();
    left.push(("help".to_owned(), "Print the help of a command".to_owned()));
    let mut groups = Vec::new();
    for (title, names) in GROUPS {
        let mut commands = Vec::new();
        for name in *names {
            if let Some(at) = left.iter().position(|(known, _)| known == name) {
                commands.push(left.remove(at));
            }
        }
        groups.push((*title, commands));
    }
    if let Some((_, last)) = groups.last_mut() {
        last.append(&mut left);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves<'c>(command: &'c Command, path: &str, found: &mut Vec<(String, &'c Command)>) {
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            let path = format!("{path} {}", below.get_name());
            found.push((path.clone(), below));
            leaves(below, &path, found);
        }
    }

    /// Whoever adds a command says where people look for it.
    #[test]
    fn every_command_is_in_one_group() {
        let command = command();
        let seen = command.get_subcommands().filter(|below| !below.is_hide_set());
        let mut seen: Vec<&str> = seen.map(Command::get_name).chain(["help"]).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        seen.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(seen, grouped);
    }

    #[test]
    fn every_command_has_an_example_that_can_be_read() {
        let command = command();
        let mut all = Vec::new();
        leaves(&command, "runmon", &mut all);
        assert!(all.len() > 15);
        for (path, below) in all {
            let help = below.get_after_help().map(ToString::to_string).unwrap_or_default();
            let line = help.lines().find(|line| line.contains(&path));
            let line = line.unwrap_or_else(|| panic!("`{path}` has no example: {help}"));
            let words = line.split_once(&path).unwrap().1;
            let words = words.split('>').next().unwrap();
            // As a shell takes it apart, as far as examples need it.
            let mut args: Vec<&str> = path.split(' ').collect();
            for (number, part) in words.split('\'').enumerate() {
                if number % 2 == 1 { args.push(part) } else { args.extend(part.split_whitespace()) }
            }
            let parsed = command.clone().try_get_matches_from(&args);
            let is_group = below.has_subcommands();
            assert!(parsed.is_ok() || is_group, "{line}: {}", parsed.unwrap_err());
        }
    }

    /// A line of the overview fits a terminal of 80 columns.
    #[test]
    fn the_overview_fits_a_terminal() {
        let help = command().term_width(80).render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}\n{help}"));
        assert!(at("Look at what happens:") < at("  tail ") && at("  tail ") < at("Options:"));
        assert!(!help.contains("canary") && !help.contains("keep "), "{help}");
    }
}
