//! What a profile expects as rules of those who can forbid the rest: as much as was seen to be
//! needed, and no more, with what says so.

mod apparmor;
mod falco_rules;
mod globs;
mod network_policy;
mod seccomp;
mod security_context;

use super::{Coverage, Part, Profile, Thing};
use crate::document::printable::terminal;

/// Whose rules they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A seccomp profile, as runc, Docker and Kubernetes take it.
    Seccomp,
    /// A NetworkPolicy of Kubernetes.
    NetworkPolicy,
    /// A profile of AppArmor.
    AppArmor,
    /// Rules in Falco's language, with tests.
    FalcoRules,
    /// The part of a pod's specification that says what its containers may do.
    SecurityContext,
}

impl Form {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("seccomp", Self::Seccomp),
        ("networkpolicy", Self::NetworkPolicy),
        ("apparmor", Self::AppArmor),
        ("falco-rules", Self::FalcoRules),
        ("security-context", Self::SecurityContext),
    ];

    /// How the command line names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, form)| *form == self).map_or("", |(name, _)| name)
    }

    /// The form of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, form)| form)
    }
}

/// A profile in another form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The text.
    pub text: String,
    /// What whoever uses it must know.
    pub notes: Vec<String>,
}

/// Why a profile has no such form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No system call was learned.
    #[error("the profile has no `syscalls`: what it was learned from was not asked for them")]
    NoSyscalls,
}

/// Writes a profile in another form.
///
/// # Errors
///
/// It does not have what that form needs.
pub fn export(profile: &Profile, form: Form) -> Result<Exported, ExportError> {
    let mut exported = match form {
        Form::Seccomp => seccomp::write(profile)?,
        Form::NetworkPolicy => network_policy::write(profile),
        Form::AppArmor => apparmor::write(profile),
        Form::FalcoRules => falco_rules::write(profile),
        Form::SecurityContext => security_context::write(profile),
    };
    let lacks = profile.coverage.lacks();
    if !lacks.is_empty() {
        let why = lacks.join("; ");
        let what = "the profile is not complete, so that this may stop what is right";
        exported.notes.insert(0, format!("{what}: {why}"));
    }
    Ok(exported)
}

/// What of a profile belongs to a part.
fn of(profile: &Profile, part: Part) -> Vec<Thing> {
    profile.behaviour.things().into_iter().filter(|thing| thing.part() == part).collect()
}

/// From what evidence something is written, a line each.
fn evidence(profile: &Profile, form: Form) -> Vec<String> {
    let Profile { name, subject, approved, coverage, .. } = profile;
    let mut lines = vec![
        format!("What containers of {} need, and no more.", line(&subject.image)),
        format!("Written by `runmon profile export --as {}`.", form.name()),
        format!("profile: {}", line(name)),
    ];
    lines.extend(subject.digest.iter().map(|digest| format!("digest: {}", line(digest))));
    lines.extend(subject.workload.iter().map(|of| format!("workload: {}", line(of))));
    lines.push(format!("evidence: {}", seen(coverage)));
    lines.push(match approved {
        Some(it) => format!("approved: by {} on {}", line(&it.by), line(&it.on)),
        None => "approved: by nobody".to_owned(),
    });
    match coverage.lacks() {
        lacks if lacks.is_empty() => {
            lines.push("It is complete as far as that can be told.".to_owned());
        }
        lacks => {
            lines.push("It is not complete, so that this may stop what is right:".to_owned());
            lines.extend(lacks.iter().map(|lack| format!("- {}", line(lack))));
        }
    }
    lines
}

/// How much was seen.
fn seen(coverage: &Coverage) -> String {
    let Coverage { containers, from_start, observed_seconds, quiet_seconds, events, .. } = coverage;
    format!(
        "{events} events of {containers} containers ({from_start} from their start) in \
         {observed_seconds} s, nothing new in the last {quiet_seconds} s"
    )
}

/// Lines as comments.
fn comments(lines: &[String]) -> String {
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

/// A text that stays on its line.
fn line(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

/// A text in double quotes, for YAML.
fn quoted(text: &str) -> String {
    let escaped = line(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// The name of a profile where only letters, digits and one sign may be.
fn identifier(name: &str, sign: char) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { sign };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches(sign);
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("image{sign}{name}").trim_end_matches(sign).to_owned()
    }
}

#[cfg(test)]
mod tests;
