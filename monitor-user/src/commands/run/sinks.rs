//! The sinks of a configuration → sinks that take documents.

use std::io;

use super::super::{Usage, say, schema, store_path};
#[cfg(any(feature = "forward", feature = "kafka", feature = "nats", feature = "syslog"))]
use crate::config::Connected;
#[cfg(feature = "forward")]
use crate::sink::forward::ForwardSink;
#[cfg(feature = "http")]
use crate::sink::http::HttpSink;
#[cfg(feature = "kafka")]
use crate::sink::kafka::KafkaSink;
#[cfg(feature = "nats")]
use crate::sink::nats::NatsSink;
#[cfg(any(feature = "kafka", feature = "nats"))]
use crate::sink::receiver::Places;
#[cfg(any(feature = "forward", feature = "syslog"))]
use crate::sink::receiver::Receiver;
use crate::{
    cli::RunArgs,
    config::{Config, Format, SinkConfig, Target},
    document::{Schema, Sender},
    limits,
    reach::Reach,
    sink::{Fanout, Intake, SinkError, SinkOptions, file::FileSink, redaction::Redaction, stdout},
    store::StoreOptions,
};
#[cfg(feature = "syslog")]
use crate::{document::syslog::Body, sink::syslog::SyslogSink};

/// Gives a way to files that only the privileged may open, to one thread.
pub(super) type Ways<'a> = dyn FnMut() -> io::Result<Box<dyn Reach>> + 'a;

/// Opens sinks.
#[derive(Clone)]
pub(super) struct Opener {
    /// The form that the command line asks for on standard output.
    asked: Option<Format>,
    store: StoreOptions,
}

impl Opener {
    /// For a daemon of this name.
    pub(super) fn new(config: &Config, args: &RunArgs, sender: &Sender, instance: &str) -> Self {
        let asked = if args.json { Some(Format::Ecs) } else { args.format };
        Self { asked, store: store_options(config, sender, instance) }
    }

    /// Adds sinks that are not there yet; without any, standard output.
    ///
    /// # Errors
    ///
    /// One of them cannot be used.
    pub(super) fn open(
        &self,
        fanout: &mut Fanout,
        sinks: &[SinkConfig],
        ways: &mut Ways<'_>,
    ) -> anyhow::Result<()> {
        if sinks.is_empty() {
            let format = self.asked.unwrap_or(Format::Text);
            fanout.add(options_of_stdout(schema(format)), stdout::run)?;
        }
        for sink in sinks {
            if !fanout.has(&sink.name) {
                self.open_one(fanout, sink, ways)?;
            }
        }
        if let Some(error) = fanout.open_store(self.store.clone())? {
            say(&format!(
                "{:#}: what sinks have not got yet waits in memory, and is lost when runmon ends; \
                 nothing is kept for `runmon alerts`\n\
                 hint: make it writable, or say where else: state_dir; giving it to another user \
                 takes CAP_CHOWN",
                anyhow::Error::from(error)
            ));
        }
        Ok(())
    }

    fn open_one(
        &self,
        fanout: &mut Fanout,
        sink: &SinkConfig,
        ways: &mut Ways<'_>,
    ) -> anyhow::Result<()> {
        let options = |schema| options(sink, schema);
        match &sink.target {
            Target::Stdout => {
                let format = self.asked.or(sink.format).unwrap_or(Format::Text);
                fanout.add(options(schema(format)), stdout::run)?;
            }
            Target::File(file) => {
                let open = FileSink::open(&sink.name, file.clone(), ways()?);
                let open = open.map_err(explain)?;
                let schema = plain(sink.format.unwrap_or(Format::Ecs));
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
            #[cfg(feature = "http")]
            Target::Http(http) => {
                let schema = plain(sink.format.unwrap_or_else(|| http.preset.format()));
                let open = HttpSink::new(http.clone(), schema, ways()?);
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
            #[cfg(feature = "forward")]
            Target::Forward(target) => {
                let Connected { place: at, tls, options: forward } = target.clone();
                let receiver = Receiver { place: at, tls, reach: ways()? };
                let open = ForwardSink::new(forward, receiver);
                let schema = plain(sink.format.unwrap_or(Format::Ecs));
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
            #[cfg(feature = "syslog")]
            Target::Syslog(target) => {
                let Connected { place: at, tls, options: syslog } = target.clone();
                let receiver = Receiver { place: at, tls, reach: ways()? };
                let open = SyslogSink::new(syslog, receiver);
                let schema = Schema::Syslog(body(sink.format.unwrap_or(Format::Text)));
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
            #[cfg(feature = "nats")]
            Target::Nats(target) => {
                let Connected { place: at, tls, options: nats } = target.clone();
                let open = NatsSink::new(nats, Places::new(at, tls, ways()?));
                let schema = plain(sink.format.unwrap_or(Format::Ecs));
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
            #[cfg(feature = "kafka")]
            Target::Kafka(target) => {
                let Connected { place: at, tls, options: kafka } = target.clone();
                let open = KafkaSink::new(kafka, Places::new(at, tls, ways()?));
                let schema = plain(sink.format.unwrap_or(Format::Ecs));
                place(fanout, sink.stored, options(schema), move |intake| open.run(intake))?;
            }
        }
        Ok(())
    }
}

fn options(sink: &SinkConfig, schema: Schema) -> SinkOptions {
    SinkOptions {
        name: sink.name.clone(),
        schema,
        events: sink.events,
        condition: sink.condition(),
        redaction: sink.redaction.clone(),
        heartbeats: sink.heartbeats.unwrap_or(true),
        minimum: sink.minimum,
        queue: sink.queue,
        queue_bytes: sink.queue_bytes,
    }
}

/// A form for machines: without colour.
fn plain(format: Format) -> Schema {
    match format {
        Format::Text => Schema::Text { colour: false },
        other => schema(other),
    }
}

#[cfg(feature = "syslog")]
fn body(format: Format) -> Body {
    match format {
        Format::Text => Body::Text,
        Format::Ecs => Body::Ecs,
        Format::Ocsf => Body::Ocsf,
        Format::Falco => Body::Falco,
        Format::Cef => Body::Cef,
    }
}

/// Where what sinks have not got yet is kept, and history.
fn store_options(config: &Config, sender: &Sender, instance: &str) -> StoreOptions {
    StoreOptions {
        path: store_path(config, instance),
        owner: Some(super::owner(config)),
        bytes_max: config.store_bytes,
        segment_bytes: (config.store_bytes / limits::STORE_SEGMENTS)
            .min(limits::STORE_SEGMENT_BYTES),
        boot_id: sender.boot_id.clone(),
        new_id: crate::document::run(sender),
        history: config.history,
    }
}

/// What standard output gets where no configuration says.
fn options_of_stdout(schema: Schema) -> SinkOptions {
    SinkOptions {
        name: "stdout".to_owned(),
        schema,
        events: false,
        condition: None,
        redaction: Redaction::default(),
        heartbeats: true,
        minimum: monitor_rules::Priority::Debug,
        queue: limits::SINK_QUEUE,
        queue_bytes: limits::SINK_QUEUE_BYTES,
    }
}

/// Says what to do about a file that alerts cannot go to.
fn explain(error: SinkError) -> anyhow::Error {
    let is_usage = matches!(error, SinkError::NotRegular { .. });
    let cure = if is_usage {
        "name a regular file, or a path where there is nothing yet"
    } else {
        "its directory must be there, and writable"
    };
    let text = format!("{:#}\nhint: {cure}", anyhow::Error::from(error));
    if is_usage { Usage(text).into() } else { anyhow::anyhow!(text) }
}

/// Adds a sink whose documents wait in the store, or in memory.
fn place(
    fanout: &mut Fanout,
    stored: bool,
    options: SinkOptions,
    run: impl FnOnce(Intake) + Send + 'static,
) -> Result<(), SinkError> {
    match stored {
        true => fanout.add_stored(options, run),
        false => fanout.add(options, run)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::file::FileOptions;

    fn open(path: &str) -> anyhow::Error {
        let options =
            FileOptions { path: path.into(), rotate_bytes: 9, keep: 1, ..FileOptions::default() };
        explain(FileSink::open("f", options, Box::new(crate::reach::Direct)).err().unwrap())
    }

    #[test]
    fn the_hint_comes_last() {
        let error = open("/nowhere/alerts");
        assert!(error.downcast_ref::<Usage>().is_none());
        assert_eq!(
            format!("{error:#}"),
            "sink f: cannot open /nowhere/alerts: No such file or directory (os error 2)\n\
             hint: its directory must be there, and writable"
        );
        let error = open("/dev/null");
        assert!(error.downcast_ref::<Usage>().is_some());
        assert_eq!(
            format!("{error:#}"),
            "sink f: cannot write alerts to /dev/null: it is a character device, not a regular \
             file\nhint: name a regular file, or a path where there is nothing yet"
        );
    }
}
