//! What is written of a sink → a sink that can be opened.

#[cfg(feature = "http")]
use std::time::Duration;

use monitor_rules::Priority;

use super::{Format, RawSink, SinkConfig, Target, Wrong, within, wrong};
use crate::{limits, sink::file::FileOptions};

pub(super) fn sinks(raw: Vec<RawSink>) -> Result<Vec<SinkConfig>, Wrong> {
    let mut sinks: Vec<SinkConfig> = Vec::new();
    for (index, sink) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("sinks[{index}].{key}");
        let name = sink.name.clone().unwrap_or_else(|| sink.kind.clone());
        if sinks.iter().any(|known| known.name == name) {
            return wrong(at("name"), format!("two sinks are named `{name}`"));
        }
        sinks.push(SinkConfig {
            format: sink.format.as_deref().map(|text| format(text, &at)).transpose()?,
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

fn format(text: &str, at: &dyn Fn(&str) -> String) -> Result<Format, Wrong> {
    match text {
        "text" => Ok(Format::Text),
        "ecs" => Ok(Format::Ecs),
        "falco" => Ok(Format::Falco),
        other => wrong(at("format"), format!("`{other}` is none of text, ecs, falco")),
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
    match sink.kind.as_str() {
        "stdout" => {
            of_others(&sink, &[FILE, HTTP], at)?;
            Ok(Target::Stdout)
        }
        "file" => {
            of_others(&sink, &[HTTP], at)?;
            file(sink, at)
        }
        #[cfg(feature = "http")]
        "http" => {
            of_others(&sink, &[FILE], at)?;
            http(sink, at)
        }
        other => wrong(at("kind"), format!("`{other}` is none of stdout, file, http")),
    }
}

/// A kind of sink, and which keys of its own are there.
type Own = (&'static str, fn(&RawSink) -> Vec<(&'static str, bool)>);

const FILE: Own = ("file", |sink| {
    vec![
        ("path", sink.path.is_some()),
        ("rotate_bytes", sink.rotate_bytes.is_some()),
        ("keep", sink.keep.is_some()),
    ]
});

const HTTP: Own = ("http", |sink| {
    vec![
        ("url", sink.url.is_some()),
        ("headers", sink.headers.is_some()),
        ("give_up_seconds", sink.give_up_seconds.is_some()),
    ]
});

/// Refuses keys of other kinds: who writes them expects something of them.
fn of_others(sink: &RawSink, others: &[Own], at: &dyn Fn(&str) -> String) -> Result<(), Wrong> {
    for (other, keys) in others {
        if let Some((key, _)) = keys(sink).into_iter().find(|(_, there)| *there) {
            let kind = &sink.kind;
            let what = format!("a sink of kind {kind} has no such key, one of kind {other} has");
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
        keep: within(at("keep"), keep, limits::KEEP_RANGE)?,
    }))
}

#[cfg(feature = "http")]
fn http(sink: RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    use crate::sink::http::{HttpOptions, header};
    let Some(url) = sink.url else { return wrong(at("url"), "an http sink needs a url") };
    let headers: Result<_, String> =
        sink.headers.unwrap_or_default().iter().map(|text| header(text)).collect();
    let headers = headers.map_err(|what| Wrong { key: at("headers"), what })?;
    let seconds = |seconds| within(at("give_up_seconds"), seconds, limits::GIVE_UP_RANGE);
    let give_up = sink.give_up_seconds.map(seconds).transpose()?.map(Duration::from_secs);
    Ok(Target::Http(HttpOptions { url, headers, give_up }))
}
