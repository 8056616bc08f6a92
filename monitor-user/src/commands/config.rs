//! `runmon config`: what is configured, before it is run.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use super::{
    config_error,
    data::{moment, open},
    load_rules, show,
    supported::supported,
};
use crate::{
    cli::{ConfigCommand, ConfigFileArgs, ConfigShowArgs},
    config::{Asked, Config, RawConfig, SinkConfig, as_yaml, schema},
    logging::count,
};

/// Runs one of the subcommands.
pub fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check(args) => check(args)?,
        ConfigCommand::Show(args) => show_in_force(args)?,
        ConfigCommand::Schema => show(&format!("{:#}\n", schema()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads it, and what it makes of it; the path is for people.
fn load(file: Option<&Path>) -> anyhow::Result<(RawConfig, Config, String)> {
    let read = || {
        let (raw, path) = RawConfig::load(file)?;
        let config = Config::of(raw.clone(), &path, Asked::default())?;
        let name = if path.exists() { path.display().to_string() } else { "defaults".to_owned() };
        Ok((raw, config, name))
    };
    read().map_err(config_error)
}

fn check(args: &ConfigFileArgs) -> anyhow::Result<()> {
    let (_, config, name) = load(args.file.as_deref())?;
    let rules = load_rules(&config.rules)?;
    super::policy::configured(config.image_policy.as_deref())?;
    supported(&config.support)?;
    let pack = config.vulnerability_pack.as_deref().map(open).transpose()?;
    let mut text = format!("{name}: good\n");
    let rules = count(rules.rules().len(), "rule");
    let of = if config.rules.is_empty() { "built in".to_owned() } else { paths(&config) };
    text += &format!("rules: {rules}, {of}\n");
    if config.sinks.is_empty() {
        text += "sinks: none; alerts go to standard output\n";
    }
    for sink in &config.sinks {
        writeln!(text, "sink {}: {}", sink.name, described(sink)).unwrap_or_default();
    }
    if let Some(pack) = pack {
        let made = moment(pack.made_on());
        writeln!(text, "vulnerability_pack: data made on {made}").unwrap_or_default();
    }
    if config.upkeep.is_some() && config.vulnerability_pack.is_none() {
        text += "upkeep: without `vulnerability_pack` nothing is told of vulnerabilities\n";
    }
    if config.upkeep.is_some() && !config.in_use {
        text += "upkeep: without `in_use` it is not known what of that containers use\n";
    }
    show(&text)
}

fn paths(config: &Config) -> String {
    let paths: Vec<_> = config.rules.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

fn described(sink: &SinkConfig) -> String {
    let what = if sink.events { "events and alerts" } else { "alerts" };
    let waits = if sink.stored { "wait in the store" } else { "wait in memory" };
    format!("{what} of priority {} or graver; they {waits}", sink.minimum.name())
}

fn show_in_force(args: &ConfigShowArgs) -> anyhow::Result<()> {
    let (raw, ..) = load(args.file.as_deref())?;
    let shown = raw.shown();
    let text = if args.json { format!("{shown:#}\n") } else { as_yaml(&shown) };
    show(&text)
}
