//! What is written of a sink for queues → one that can be opened.

#[cfg(feature = "nats")]
use super::secret::secret;
use super::{
    Connected, RawSink, Target, Wrong,
    sinks::{tls, user},
    wrong,
};
use crate::sink::receiver::{Place, TlsOptions, parse_places};

/// What messages are about, where the configuration does not say.
const SUBJECT: &str = "runmon.alerts";

#[cfg(feature = "nats")]
pub(super) fn nats(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    use crate::sink::nats::{NatsOptions, Who, subject};
    let (place, tls) = places(sink, at)?;
    let (file, env) = (sink.token_file.as_deref(), sink.token_env.as_deref());
    let who = match (user(sink, at)?, secret(at, "token", file, env)?) {
        (None, None) => Who::Anybody,
        (Some((user, password)), None) => Who::User(user, password),
        (None, Some(token)) => Who::Token(token),
        (Some(_), Some(_)) => return wrong(at("user"), "there is a token, too"),
    };
    let subject = subject(sink.subject.as_deref().unwrap_or(SUBJECT), &crate::node::hostname());
    let subject = subject.or_else(|what| wrong(at("subject"), what))?;
    Ok(Target::Nats(Connected { place, tls, options: NatsOptions { subject, who } }))
}

#[cfg(feature = "kafka")]
pub(super) fn kafka(sink: &RawSink, at: &dyn Fn(&str) -> String) -> Result<Target, Wrong> {
    use crate::sink::kafka::{KafkaOptions, Login, Mechanism, topic};
    let (place, tls) = places(sink, at)?;
    let said = sink.sasl.as_deref().unwrap_or("scram-sha-512");
    let Some((_, mechanism)) = Mechanism::NAMES.into_iter().find(|(name, _)| *name == said) else {
        let names = Mechanism::NAMES.map(|(name, _)| name).join(", ");
        return wrong(at("sasl"), format!("`{said}` is none of {names}"));
    };
    let login = user(sink, at)?.map(|(user, password)| Login { mechanism, user, password });
    let topic = topic(sink.topic.as_deref().unwrap_or(SUBJECT));
    let topic = topic.or_else(|what| wrong(at("topic"), what))?;
    let (gzip, hostname) = (sink.gzip.unwrap_or_default(), crate::node::hostname());
    let options = KafkaOptions { topic, gzip, login, hostname };
    Ok(Target::Kafka(Connected { place, tls, options }))
}

/// Where the servers are, and whether TLS is spoken with them.
fn places(
    sink: &RawSink,
    at: &dyn Fn(&str) -> String,
) -> Result<(Vec<Place>, Option<TlsOptions>), Wrong> {
    let Some(address) = &sink.address else { return wrong(at("address"), "it needs an address") };
    let places = parse_places(address).or_else(|what| wrong(at("address"), what))?;
    let Some(first) = places.first() else { return wrong(at("address"), "it needs an address") };
    let tls = tls(sink, first, at)?;
    Ok((places, tls))
}
