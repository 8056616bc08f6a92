//! What is written of a sink → a sink that can be opened.

use std::time::Duration;

use monitor_rules::Priority;

#[cfg(any(feature = "forward", feature = "kafka", feature = "nats"))]
use super::secret::{Secret, secret};
use super::{FORMATS, Format, RawSink, SinkConfig, Target, Wrong, routing, within, wrong};
#[cfg(any(feature = "forward", feature = "kafka", feature = "nats", feature = "syslog"))]
use crate::sink::receiver::Place;
#[cfg(feature = "tls")]
use crate::sink::receiver::TlsOptions;
use crate::{
    limits,
    sink::file::{FileOptions, Sync},
};

pub(super) fn sinks(raw: Vec<RawSink>) -> Result<Vec<SinkConfig>, Wrong> {
    if raw.len() > limits::SINKS {
        return wrong("sinks", format!("there are more than {}", limits::SINKS));
    }
    let mut sinks: Vec<SinkConfig> = Vec::new();
    for (index, sink) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("sinks[{index}].{key}");
        let name = sink.name.clone().unwrap_or_else(|| sink.kind.clone());
        if sinks.iter().any(|known| known.name == name) {
            return wrong(at("name"), format!("two sinks are named `{name}`"));
        }
        if let Some(known) = sinks.iter().find(|known| writes_to(known, sink.path.as_deref())) {
            return wrong(at("path"), format!("the sink `{}` writes to it already", known.name));
        }
        let format = sink.format.as_deref().map(|text| format(text, &at)).transpose()?;
        sinks.push(SinkConfig {
            condition: routing::condition(&sink, &at)?,
            redaction: routing::redaction(&sink, format, &at)?,
            format,
            minimum: priority(sink.minimum_priority.as_deref(), &at)?,
            events: sink.events,
            heartbeats: sink.heartbeats,
            stored: stored(&sink, &at)?,
            queue: within(
                at("queue"),
                sink.queue.unwrap_or(limits::SINK_QUEUE),
                limits::SINK_QUEUE_RANGE,
            )?,
            queue_bytes: within(
                at("queue_bytes"),
                sink.queue_bytes.unwrap_or(limits::SINK_QUEUE_BYTES),
                limits::SINK_QUEUE_BYTES_RANGE,
            )?,
            target: target(sink, &at)?,
            name,
        });
    }
    Ok(sinks)
}

/// Whether a sink has this as its file: another one would rotate it away, and cut its lines.
fn writes_to(sink: &SinkConfig, path: Option<&std::path::Path>) -> bool {
    matches!(&sink.target, Target::File(file) if path == Some(&file.path))
}

/// Standard output is for who looks at it now.
fn stored(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<bool, Wrong> {
    let is_stdout = sink.kind == "stdout";
    match sink.stored {
        Some(true) if is_stdout => {
            wrong(at("stored"), "what goes to standard output is not stored")
        }
        Some(stored) => Ok(stored),
        None => Ok(!is_stdout && !sink.events),
    }
}

pub(super) fn format(text: &str, at: &dyn Fn(&str) -> String) -> Result<Format, Wrong> {
    match text {
        "text" => Ok(Format::Text),
        "ecs" => Ok(Format::Ecs),
        "ocsf" => Ok(Format::Ocsf),
        "falco" => Ok(Format::Falco),
        "cef" => Ok(Format::Cef),
        other => wrong(at("format"), format!("`{other}` is none of {}", FORMATS.join(", "))),
    }
}

fn priority(text: Option<&str>, at: &dyn Fn(&str) -> String) -> Result<Priority, Wrong> {
    let Some(text) = text else { return Ok(Priority::Debug) };
    Priority::from_name(text).map_or_else(
        || {
            let names: Vec<_> =
                Priority::ALL.iter().map(|p| p.name().to_ascii_lowercase()).collect();
            wrong(at("minimum_priority"), format!("`{text}` is none of {}", names.join(", ")))
        },
        Ok,
    )
}

fn target(sink: RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    of_others(&sink, at)?;
    match sink.kind.as_str() {
        "stdout" => Ok(Target::Stdout),
        "file" => file(sink, at),
        #[cfg(feature = "http")]
        "http" => super::http::http(&sink, at),
        #[cfg(feature = "forward")]
        "forward" => forward(sink, at),
        #[cfg(feature = "syslog")]
        "syslog" => syslog(&sink, at),
        #[cfg(feature = "nats")]
        "nats" => super::queues::nats(&sink, at),
        #[cfg(feature = "kafka")]
        "kafka" => super::queues::kafka(&sink, at),
        other => wrong(at("kind"), format!("`{other}` is none of {}", KINDS.join(", "))),
    }
}

/// Every kind of sink.
pub(super) const KINDS: [&str; 7] =
    ["stdout", "file", "http", "forward", "syslog", "nats", "kafka"];

/// What `fsync` may be.
pub(super) const FSYNCS: [&str; 3] = ["never", "interval", "always"];

/// Every preset of an HTTP sink.
pub(super) const PRESETS: [&str; 6] =
    ["webhook", "falcosidekick", "splunk-hec", "elasticsearch-bulk", "loki", "otlp"];

/// The keys that sinks of a kind have.
pub(super) fn keys_of(kind: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    let own = own_keys(&RawSink::default());
    let has = move |key: &str| {
        let owners = own.iter().find(|(own, ..)| *own == key).map(|(.., kinds)| *kinds);
        owners.is_none_or(|kinds| kinds.contains(&kind))
    };
    RawSink::KEYS.iter().map(|key| key.name).filter(move |key| has(key))
}

/// Which keys are there, and the kinds that have them.
fn own_keys(sink: &RawSink) -> Vec<(&'static str, bool, &'static [&'static str])> {
    const FILE: &[&str] = &["file"];
    const HTTP: &[&str] = &["http"];
    const FORWARD: &[&str] = &["forward"];
    const SYSLOG: &[&str] = &["syslog"];
    const NATS: &[&str] = &["nats"];
    const KAFKA: &[&str] = &["kafka"];
    const WITH_TOKEN: &[&str] = &["http", "nats"];
    const WITH_USER: &[&str] = &["forward", "nats", "kafka"];
    const RECEIVERS: &[&str] = &["forward", "syslog", "nats", "kafka"];
    const ALL_RECEIVERS: &[&str] = &["forward", "http", "syslog", "nats", "kafka"];
    vec![
        ("path", sink.path.is_some(), FILE),
        ("rotate_bytes", sink.rotate_bytes.is_some(), FILE),
        ("rotate_seconds", sink.rotate_seconds.is_some(), FILE),
        ("fsync", sink.fsync.is_some(), FILE),
        ("keep", sink.keep.is_some(), FILE),
        ("url", sink.url.is_some(), HTTP),
        ("preset", sink.preset.is_some(), HTTP),
        ("headers", sink.headers.is_some(), HTTP),
        ("token_file", sink.token_file.is_some(), WITH_TOKEN),
        ("token_env", sink.token_env.is_some(), WITH_TOKEN),
        ("token_scheme", sink.token_scheme.is_some(), HTTP),
        ("proxy", sink.proxy.is_some(), HTTP),
        ("batch_documents", sink.batch_documents.is_some(), HTTP),
        ("batch_bytes", sink.batch_bytes.is_some(), HTTP),
        ("batch_seconds", sink.batch_seconds.is_some(), HTTP),
        ("index", sink.index.is_some(), HTTP),
        ("source", sink.source.is_some(), HTTP),
        ("sourcetype", sink.sourcetype.is_some(), HTTP),
        ("give_up_seconds", sink.give_up_seconds.is_some(), HTTP),
        ("address", sink.address.is_some(), RECEIVERS),
        ("tag", sink.tag.is_some(), FORWARD),
        ("gzip", sink.gzip.is_some(), &["forward", "http", "kafka"]),
        ("shared_key_file", sink.shared_key_file.is_some(), FORWARD),
        ("shared_key_env", sink.shared_key_env.is_some(), FORWARD),
        ("user", sink.user.is_some(), WITH_USER),
        ("password_file", sink.password_file.is_some(), WITH_USER),
        ("password_env", sink.password_env.is_some(), WITH_USER),
        ("subject", sink.subject.is_some(), NATS),
        ("topic", sink.topic.is_some(), KAFKA),
        ("sasl", sink.sasl.is_some(), KAFKA),
        ("tls", sink.tls.is_some(), RECEIVERS),
        ("ca_file", sink.ca_file.is_some(), ALL_RECEIVERS),
        ("certificate_file", sink.certificate_file.is_some(), ALL_RECEIVERS),
        ("key_file", sink.key_file.is_some(), ALL_RECEIVERS),
        ("facility", sink.facility.is_some(), SYSLOG),
    ]
}

/// Refuses keys of other kinds: who writes them expects something of them.
fn of_others(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<(), Wrong> {
    let kind = &*sink.kind;
    for (key, is_there, kinds) in own_keys(sink) {
        if is_there && !kinds.contains(&kind) && KINDS.contains(&kind) {
            let others = kinds.join(" or ");
            let what = format!("a sink of kind {kind} has no such key, one of kind {others} has");
            return wrong(at(key), what);
        }
    }
    Ok(())
}

fn file(sink: RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    let Some(path) = sink.path else { return wrong(at("path"), "a file sink needs a path") };
    let rotate_bytes = sink.rotate_bytes.unwrap_or(limits::ROTATE_BYTES);
    let keep = sink.keep.unwrap_or(limits::KEEP);
    Ok(Target::File(FileOptions {
        path,
        rotate_bytes: within(at("rotate_bytes"), rotate_bytes, limits::ROTATE_BYTES_RANGE)?,
        rotate_after: sink
            .rotate_seconds
            .map(|seconds| within(at("rotate_seconds"), seconds, limits::ROTATE_SECONDS_RANGE))
            .transpose()?
            .map(Duration::from_secs),
        sync: match sink.fsync.as_deref() {
            None | Some("never") => Sync::Never,
            Some("interval") => Sync::Interval,
            Some("always") => Sync::Always,
            Some(other) => {
                let what = format!("`{other}` is none of {}", FSYNCS.join(", "));
                return wrong(at("fsync"), what);
            }
        },
        keep: within(at("keep"), keep, limits::KEEP_RANGE)?,
    }))
}

#[cfg(feature = "forward")]
fn forward(sink: RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    use crate::{
        config::Connected,
        sink::forward::{ForwardOptions, Secrets},
    };
    let place = place(sink.address.as_deref(), at)?;
    let tls = tls(&sink, &place, at)?;
    let user = user(&sink, at)?;
    let (file, env) = (sink.shared_key_file.as_deref(), sink.shared_key_env.as_deref());
    let shared_key = secret(at, "shared_key", file, env)?;
    let secrets = match (shared_key, user) {
        (Some(shared_key), user) => Some(Secrets { shared_key, user }),
        (None, Some(_)) => {
            return wrong(at("shared_key_file"), "who asks for a user asks for a shared key, too");
        }
        (None, None) => None,
    };
    let tag = sink.tag.unwrap_or_else(|| "runmon".to_owned());
    let (gzip, hostname) = (sink.gzip.unwrap_or_default(), crate::node::hostname());
    let options = ForwardOptions { tag, gzip, secrets, hostname };
    Ok(Target::Forward(Connected { place, tls, options }))
}

#[cfg(feature = "syslog")]
fn syslog(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    use crate::{config::Connected, sink::syslog::SyslogOptions};
    let place = place(sink.address.as_deref(), at)?;
    let tls = tls(sink, &place, at)?;
    let facility = sink.facility.unwrap_or(limits::SYSLOG_FACILITY);
    let facility = within(at("facility"), facility, limits::SYSLOG_FACILITY_RANGE)?;
    Ok(Target::Syslog(Connected { place, tls, options: SyslogOptions { facility } }))
}

/// Where a receiver is.
#[cfg(any(feature = "forward", feature = "syslog"))]
fn place(address: Option<&str>, at: &dyn Fn(&str) -> String) -> Result<Place, Wrong> {
    let Some(address) = address else { return wrong(at("address"), "it needs an address") };
    Place::parse(address).or_else(|what| wrong(at("address"), what))
}

/// Whether TLS is spoken, and with which files.
#[cfg(any(feature = "forward", feature = "kafka", feature = "nats", feature = "syslog"))]
pub(super) fn tls(
    sink: &RawSink,
    place: &Place,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<TlsOptions>, Wrong> {
    if !sink.tls.unwrap_or_default() {
        return without_tls(sink, at, "`tls` is not true").map(|()| None);
    }
    if matches!(place, Place::Unix(_)) {
        return wrong(at("tls"), "there is none on a Unix socket");
    }
    tls_files(sink, at).map(Some)
}

#[cfg(feature = "tls")]
fn files_of_tls(sink: &RawSink) -> [(&'static str, &Option<std::path::PathBuf>); 3] {
    [
        ("ca_file", &sink.ca_file),
        ("certificate_file", &sink.certificate_file),
        ("key_file", &sink.key_file),
    ]
}

/// Who writes files for TLS expects that it is spoken.
#[cfg(feature = "tls")]
pub(super) fn without_tls(
    sink: &RawSink,
    at: &dyn Fn(&str) -> String,
    why: &str,
) -> Result<(), Wrong> {
    match files_of_tls(sink).into_iter().find(|(_, file)| file.is_some()) {
        Some((key, _)) => wrong(at(key), format!("it is of no use while {why}")),
        None => Ok(()),
    }
}

/// With which files it is spoken.
#[cfg(feature = "tls")]
pub(super) fn tls_files(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<TlsOptions, Wrong> {
    for (key, file) in files_of_tls(sink) {
        if file.as_ref().is_some_and(|file| !file.is_absolute()) {
            return wrong(at(key), "a path from the root is needed");
        }
    }
    let own = match (&sink.certificate_file, &sink.key_file) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (Some(_), None) => return wrong(at("key_file"), "a certificate needs its key"),
        (None, Some(_)) => return wrong(at("certificate_file"), "a key needs its certificate"),
    };
    Ok(TlsOptions { ca_file: sink.ca_file.clone(), own })
}

/// A user and that one's password.
#[cfg(any(feature = "forward", feature = "kafka", feature = "nats"))]
pub(super) fn user(
    sink: &RawSink,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<(String, Secret)>, Wrong> {
    let (file, env) = (sink.password_file.as_deref(), sink.password_env.as_deref());
    match (&sink.user, secret(at, "password", file, env)?) {
        (Some(user), Some(password)) => Ok(Some((user.clone(), password))),
        (None, None) => Ok(None),
        (Some(_), None) => wrong(at("password_file"), "a user needs a password"),
        (None, Some(_)) => wrong(at("user"), "a password needs a user"),
    }
}
