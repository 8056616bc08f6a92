//! The text of the configuration → [`RawConfig`]: YAML, strictly, and what variables of the
//! environment put in the place of its values.

use monitor_rules::nearest;
use serde::de::DeserializeOwned;
use serde_saphyr::{
    DuplicateKeyPolicy, Error, MergeKeyPolicy, Options, UserMessageFormatter, options,
};

use super::{Key, RawConfig, RawSink, keys::Set as _};

/// What variables that override a key begin with. Names of tables and keys follow, with the same
/// two underscores between them: a cluster sets variables with single ones, after its services.
pub const VARIABLES: &str = "RUNMON__";

/// Why a text cannot be used: what, where and, if anything comes near it, what was meant.
#[derive(Debug)]
pub(super) struct Unusable {
    /// The line and column, from 1.
    at: Option<(u64, u64)>,
    what: String,
}

impl Unusable {
    /// As it stands behind the name of a file.
    pub(super) fn in_file(&self) -> String {
        match self.at {
            Some((line, column)) => format!("{line}:{column}: {}", self.what),
            None => format!(" {}", self.what),
        }
    }
}

/// What is written is meant, each key once.
fn strict() -> Options {
    options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Reads the whole file. An empty one has no keys.
pub(super) fn read(text: &str) -> Result<RawConfig, Unusable> {
    // Comments and blank lines alone are no mapping, but no mistake.
    let has_keys = text.lines().any(|line| !matches!(line.trim().chars().next(), None | Some('#')));
    if !has_keys {
        return Ok(RawConfig::default());
    }
    value(text)
}

/// Reads a value.
pub(super) fn value<T: DeserializeOwned>(yaml: &str) -> Result<T, Unusable> {
    serde_saphyr::from_str_with_options(yaml, strict()).map_err(|error| unusable(&error))
}

/// Reads another file that people write, as strictly.
///
/// # Errors
///
/// The place and what is wrong there, and what would be right.
pub fn read_strictly<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
    value(yaml).map_err(|wrong: Unusable| wrong.in_file().trim_start().to_owned())
}

fn unusable(error: &Error) -> Unusable {
    let at = error.location().map(|place| (place.line(), place.column()));
    let what = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            unknown(field, expected.iter().copied())
        }
        Error::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => {
            "a whole number is needed here, of the size that the reference says".to_owned()
        }
        Error::Unexpected { expected: "mapping start", .. } => {
            "keys with values are needed here, as `key: value`".to_owned()
        }
        Error::Unexpected { expected: "sequence start", .. } => {
            "a list is needed here, as `[one, two]`".to_owned()
        }
        other => {
            let text = other.render_with_formatter(&UserMessageFormatter);
            // The place is told already.
            text.split(" at line ").next().unwrap_or(&text).to_owned()
        }
    };
    Unusable { at, what }
}

/// That there is no such key, and which there are.
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("there is no key `{name}`; did you mean `{near}`?"),
        None => {
            let known: Vec<_> = known.collect();
            format!("there is no key `{name}`; there are {}", known.join(", "))
        }
    }
}

/// The same, of keys that are set one by one.
pub(super) fn unknown_key(name: &str, known: &[Key]) -> Unusable {
    Unusable { at: None, what: unknown(name, known.iter().map(|key| key.name)) }
}

/// What is wrong with a variable of the environment. What it says is not told: it may be a secret.
#[derive(Debug)]
pub(super) struct WrongVariable {
    pub(super) name: String,
    pub(super) what: String,
}

/// Puts what variables say in the place of what the file says. Each names a key, and says its value
/// as YAML; what is empty is the default.
pub(super) fn override_by(
    raw: &mut RawConfig,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), WrongVariable> {
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(VARIABLES) else { continue };
        let path = path.to_ascii_lowercase();
        let path: Vec<&str> = path.split("__").collect();
        set(raw, &path, &value).map_err(|what| WrongVariable { name, what: what.what })?;
    }
    Ok(())
}

fn set(raw: &mut RawConfig, path: &[&str], yaml: &str) -> Result<(), Unusable> {
    match *path {
        [key] => raw.set(key, yaml),
        ["kubernetes", key] => raw.kubernetes.set(key, yaml),
        ["metrics", key] => raw.metrics.set(key, yaml),
        ["web", key] => raw.web.set(key, yaml),
        ["sinks", sink, key] => sink_of(&mut raw.sinks, sink)?.set(key, yaml),
        _ => Err(Unusable {
            at: None,
            what:
                "it names no key: RUNMON__KEY, RUNMON__TABLE__KEY and RUNMON__SINKS__NAME__KEY do"
                    .to_owned(),
        }),
    }
}

/// A sink by its name, as a variable can say it.
fn sink_of<'a>(sinks: &'a mut [RawSink], name: &str) -> Result<&'a mut RawSink, Unusable> {
    let said = |sink: &RawSink| {
        let name = sink.name.as_deref().unwrap_or(&sink.kind).to_ascii_lowercase();
        name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
    };
    let names: Vec<_> = sinks.iter().map(said).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let what = format!("the file has no sink `{name}`; it has {there}");
    let found = sinks.iter_mut().zip(names).find(|(_, known)| known == name);
    found.map(|(sink, _)| sink).ok_or(Unusable { at: None, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        read(text).unwrap_err().in_file()
    }

    #[test]
    fn what_is_wrong_is_placed_and_the_nearest_key_told() {
        assert_eq!(
            wrong("run_dir: /x\nheartbeat_second: 3\n"),
            "2:1: there is no key `heartbeat_second`; did you mean `heartbeat_seconds`?"
        );
        assert_eq!(
            wrong("sinks:\n- kind: file\n  pth: /x\n"),
            "3:3: there is no key `pth`; did you mean `path`?"
        );
        let far = wrong("metrics:\n  port: 1\n");
        assert_eq!(far, "2:3: there is no key `port`; there are listen");
        for (text, what) in [
            ("run_dir: /x\nrun_dir: /y\n", "2:1: duplicate"),
            ("ring_bytes: big", "1:13: "),
            ("ring_bytes: -1", "1:13: "),
            ("watch_rules: yes", "1:14: "),
            ("runtime_roots:\n- kind: runc\n", "2:3: missing field `state`"),
            ("just text", "1:1: "),
            ("- a\n- b\n", "1:1: "),
            ("rules: [\n", "1:8: unclosed"),
            ("a: 1\n---\nb: 2\n", "1:1: "),
        ] {
            let error = wrong(text);
            assert!(error.starts_with(what), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_text_without_keys_is_one() {
        for text in ["", "\n", "# nothing\n\n", "{}"] {
            assert!(read(text).unwrap().rules.is_empty());
        }
    }

    fn overridden(text: &str, variables: &[(&str, &str)]) -> Result<RawConfig, String> {
        let mut raw = read(text).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let done = override_by(&mut raw, variables);
        done.map(|()| raw).map_err(|WrongVariable { name, what }| format!("{name}: {what}"))
    }

    #[test]
    fn variables_override_the_file() {
        let text = "heartbeat_seconds: 9\ncluster: a\nsinks:\n- kind: http\n  name: the.siem\n  \
                    url: http://a/\n- kind: file\n";
        let raw = overridden(
            text,
            &[
                ("PATH", "/bin"),
                ("RUNMON_SERVICE_HOST", "10.0.0.1"),
                ("RUNMON__HEARTBEAT_SECONDS", "3"),
                ("RUNMON__CLUSTER", ""),
                ("RUNMON__RULES", "[/r]"),
                ("RUNMON__METRICS__LISTEN", "['[::1]:9753']"),
                ("RUNMON__KUBERNETES__API", "true"),
                ("RUNMON__SINKS__THE_SIEM__URL", "http://b/"),
                ("RUNMON__SINKS__file__path", "/f"),
                ("RUNMON__LABELS", "{team: red}"),
            ],
        );
        let raw = raw.unwrap();
        assert_eq!((raw.heartbeat_seconds, raw.cluster), (Some(3), None));
        assert_eq!(raw.rules, [std::path::Path::new("/r")]);
        assert_eq!((raw.metrics.listen.concat(), raw.kubernetes.api), ("[::1]:9753".into(), true));
        assert_eq!(raw.sinks[0].url.as_deref(), Some("http://b/"));
        assert_eq!(raw.sinks[1].path.as_deref(), Some(std::path::Path::new("/f")));
        assert_eq!(raw.labels["team"], "red");
    }

    #[test]
    fn variables_that_say_nothing_are_refused() {
        let wrong =
            |name, value| overridden("sinks: [{kind: file}]", &[(name, value)]).unwrap_err();
        assert_eq!(
            wrong("RUNMON__HEARTBEAT_SECOND", "3"),
            "RUNMON__HEARTBEAT_SECOND: there is no key `heartbeat_second`; did you mean \
             `heartbeat_seconds`?"
        );
        assert_eq!(
            wrong("RUNMON__SINKS__SIEM__URL", "x"),
            "RUNMON__SINKS__SIEM__URL: the file has no sink `siem`; it has file"
        );
        assert!(wrong("RUNMON__A__B__C", "x").contains("it names no key: RUNMON__KEY"));
        let secret = wrong("RUNMON__RING_BYTES", "hunter2");
        assert!(
            secret.starts_with("RUNMON__RING_BYTES: ") && !secret.contains("hunter2"),
            "{secret}"
        );
    }
}
