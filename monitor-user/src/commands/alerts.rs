//! `runmon alerts`: what was raised on this host, read from the store, whether a daemon runs or
//! not.

mod except;
mod list;
mod look;
mod show;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Usage, load_config, say, store_path};
use crate::{
    cli::{AlertsArgs, AlertsCommand, PastArgs},
    config::Config,
    document::printable::terminal,
    instance::DEFAULT_NAME,
    past,
    store::past::{Reading, read},
};

/// Lists alerts, or does what is said with one.
///
/// # Errors
///
/// There is no store, or it may not be read; no alert has the id; a filter that is none.
pub fn run(args: &AlertsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => list::run(&args.list),
        Some(AlertsCommand::Show(args)) => show::run(args),
        Some(AlertsCommand::Except(args)) => except::run(args),
    }
}

/// How a store is named.
const NAME: &str = "name the directory of a store, as `store` in `state_dir`";

/// A store that is read.
struct Place {
    path: PathBuf,
    /// On the command line, and not by a configuration.
    is_named: bool,
    /// Its daemon keeps history.
    keeps: bool,
    config: Option<Config>,
    instance: String,
}

impl Place {
    fn of(args: &PastArgs) -> anyhow::Result<Self> {
        let instance = args.instance.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        if let Some(path) = &args.store {
            let (path, is_named) = (path.clone(), true);
            return Ok(Self { path, is_named, keeps: true, config: None, instance });
        }
        let config = load_config(args.config.as_deref())?;
        let path = store_path(&config, &instance);
        Ok(Self { path, is_named: false, keeps: config.history, config: Some(config), instance })
    }

    /// Shows all that is kept, the oldest first. What could not be read is said.
    fn read(&self, each: &mut dyn FnMut(&crate::store::record::Record)) -> anyhow::Result<()> {
        let reading = read(&self.path, each).map_err(|error| self.explain(&error))?;
        let Reading { segments, gone, unread, broken_bytes } = reading;
        if self.is_named && segments + gone + unread == 0 {
            let path = terminal(self.path.as_os_str().as_encoded_bytes()).into_owned();
            return Err(
                Usage(format!("{path} is no store: it has no segments\nhint: {NAME}")).into()
            );
        }
        for (count, what) in [
            (gone as u64, "segments that made room for newer ones while they were read"),
            (unread as u64, "segments that cannot be read"),
            (broken_bytes, "bytes that are damaged"),
        ] {
            if count > 0 {
                say(&format!("passed over, {what}: {count}; segments that were read: {segments}"));
            }
        }
        Ok(())
    }

    fn explain(&self, error: &io::Error) -> anyhow::Error {
        let path = terminal(self.path.as_os_str().as_encoded_bytes()).into_owned();
        let cure = match error.kind() {
            io::ErrorKind::NotFound if !self.keeps => {
                "the configuration says `history: false`: nothing is kept"
            }
            io::ErrorKind::NotFound => {
                "`runmon run` makes it; --config or --instance say where it is, --store names it"
            }
            io::ErrorKind::PermissionDenied => "only root and the daemon's own user may: use sudo",
            _ => NAME,
        };
        Usage(format!("cannot read alerts from {path}: {error}\nhint: {cure}")).into()
    }

    /// Said where nothing was found.
    fn say_none(&self, what: &str) {
        let path = terminal(self.path.as_os_str().as_encoded_bytes()).into_owned();
        let off = if self.keeps { "" } else { "; `history: false`: nothing is kept any more" };
        say(&format!("no {what} in {path}{off}"));
    }

    /// What names this place on a command line.
    fn arguments(&self, args: &PastArgs) -> String {
        let store = args.store.iter().map(|path| option("--store", path));
        store.chain([self.arguments_of_daemon(args)]).collect()
    }

    /// What names the rules that its daemon uses.
    fn arguments_of_rules(&self) -> String {
        let rules = self.config.iter().flat_map(|config| &config.rules);
        rules.map(|path| option("-r", path)).collect()
    }

    /// What names its daemon.
    fn arguments_of_daemon(&self, args: &PastArgs) -> String {
        let mut said: String = args.config.iter().map(|path| option("--config", path)).collect();
        if self.instance != DEFAULT_NAME {
            said.push_str(&format!(" --instance {}", self.instance));
        }
        said
    }
}

/// An option with a path, behind what stands there.
fn option(name: &str, path: &Path) -> String {
    format!(" {name} {}", quoted(&path.display().to_string()))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
