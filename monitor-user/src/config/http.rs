//! What is written of an HTTP sink → one that can be opened.

use std::time::Duration;

use super::{
    RawSink, Target, Wrong,
    secret::secret,
    sinks::{PRESETS, format, tls_files, without_tls},
    within, wrong,
};
use crate::{
    limits,
    sink::http::{
        BatchOptions, HttpOptions, Labelling, Preset, ProxyUrl, Token, header, is_scheme, url,
    },
};

pub(super) fn http(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    let of = |key: &str, result: Result<_, String>| result.or_else(|what| wrong(at(key), what));
    let preset = preset(sink, at)?;
    let Some(text) = &sink.url else { return wrong(at("url"), "an http sink needs a url") };
    let url = of("url", url(text, preset))?;
    let tls = match url.starts_with("https://") {
        true => tls_files(sink, at)?,
        false => {
            without_tls(sink, at, "`url` does not begin with https://")?;
            Default::default()
        }
    };
    let headers = sink.headers.iter().flatten().map(|text| header(text)).collect();
    let headers: Vec<(String, String)> =
        Result::or_else(headers, |what| wrong(at("headers"), what))?;
    let token = token(sink, preset, at)?;
    let is_said = |(name, _): &(String, String)| name.eq_ignore_ascii_case("authorization");
    if token.is_some() && headers.iter().any(is_said) {
        return wrong(at("headers"), "`Authorization` is said by the token: leave it out");
    }
    let proxy = sink.proxy.as_deref().map(ProxyUrl::parse).transpose();
    let proxy = proxy.or_else(|what| wrong(at("proxy"), what))?;
    let seconds = |seconds| within(at("give_up_seconds"), seconds, limits::GIVE_UP_RANGE);
    let give_up = sink.give_up_seconds.map(seconds).transpose()?.map(Duration::from_secs);
    let mut labelling = Labelling {
        index: index(sink, preset, at)?,
        sourcetype: text_of(sink.sourcetype.as_deref(), "sourcetype", at)?,
        ..Labelling::default()
    };
    if let Some(source) = text_of(sink.source.as_deref(), "source", at)? {
        labelling.source = source;
    }
    Ok(Target::Http(HttpOptions {
        preset,
        url,
        headers,
        token,
        tls,
        proxy,
        gzip: sink.gzip.unwrap_or_default(),
        batch: batch(sink, preset, at)?,
        labelling,
        give_up,
    }))
}

/// The sort of receiver, which takes what it is sent.
fn preset(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<Preset, Wrong> {
    let name = sink.preset.as_deref().unwrap_or("webhook");
    let Some(preset) = Preset::from_name(name) else {
        return wrong(at("preset"), format!("`{name}` is none of {}", PRESETS.join(", ")));
    };
    let said = sink.format.as_deref().map(|text| format(text, at)).transpose()?;
    let documents = sink.batch_documents.unwrap_or_else(|| preset.documents());
    if !preset.takes(said.unwrap_or_else(|| preset.format()), documents) {
        return wrong(at("format"), format!("a receiver of the preset {name} does not take it so"));
    }
    Ok(preset)
}

fn batch(
    sink: &RawSink,
    preset: Preset,
    at: &dyn Fn(&str) -> String,
) -> Result<BatchOptions, Wrong> {
    let most = match preset {
        Preset::Falcosidekick => 1..=1,
        _ => limits::HTTP_BATCH_RANGE,
    };
    let documents = sink.batch_documents.unwrap_or_else(|| preset.documents());
    let bytes = sink.batch_bytes.unwrap_or(limits::HTTP_BATCH_BYTES);
    let seconds = sink.batch_seconds.unwrap_or_default();
    let seconds = within(at("batch_seconds"), seconds, limits::HTTP_BATCH_SECONDS_RANGE)?;
    Ok(BatchOptions {
        documents: within(at("batch_documents"), documents, most)?,
        bytes: within(at("batch_bytes"), bytes, limits::HTTP_BATCH_BYTES_RANGE)?,
        wait: Duration::from_secs(seconds),
    })
}

fn token(
    sink: &RawSink,
    preset: Preset,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<Token>, Wrong> {
    let secret = secret(at, "token", sink.token_file.as_deref(), sink.token_env.as_deref())?;
    let scheme = sink.token_scheme.as_deref();
    match (secret, scheme) {
        (None, None) => Ok(None),
        (None, Some(_)) => wrong(at("token_scheme"), "it is of no use without a token"),
        (Some(_), Some(scheme)) if !is_scheme(scheme) => {
            wrong(at("token_scheme"), format!("`{scheme}` is no single word"))
        }
        (Some(secret), scheme) => {
            let scheme = scheme.unwrap_or_else(|| preset.token_scheme()).to_owned();
            Ok(Some(Token { secret, scheme }))
        }
    }
}

fn index(
    sink: &RawSink,
    preset: Preset,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<String>, Wrong> {
    let takes = matches!(preset, Preset::SplunkHec | Preset::ElasticsearchBulk);
    if sink.index.is_some() && !takes {
        let what = format!("a receiver of the preset {} has none", preset.name());
        return wrong(at("index"), what);
    }
    let index = text_of(sink.index.as_deref(), "index", at)?;
    // Whatever was sent there would be refused.
    let is_name = |name: &str| {
        let is_part = |c: char| !c.is_uppercase() && !r#"\/*?"<>| ,#:"#.contains(c);
        name.chars().all(is_part) && !name.starts_with(['-', '_', '+', '.'])
    };
    match &index {
        Some(name) if preset == Preset::ElasticsearchBulk && !is_name(name) => {
            wrong(at("index"), format!("`{name}` is no name of an index or a data stream"))
        }
        _ => Ok(index),
    }
}

/// A short text.
fn text_of(
    text: Option<&str>,
    key: &str,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<String>, Wrong> {
    match text {
        Some(text) if text.is_empty() || text.len() > limits::LABEL_BYTES => {
            wrong(at(key), format!("it has 1 to {} bytes", limits::LABEL_BYTES))
        }
        text => Ok(text.map(str::to_owned)),
    }
}
