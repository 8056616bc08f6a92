//! `runmon web`: how the page of the running daemon is opened.

use std::{io::ErrorKind, process::ExitCode};

use anyhow::{Context as _, bail};

use super::{load_config, show};
use crate::{
    cli::WebArgs,
    instance::{DEFAULT_NAME, socket_path, web_path},
};

/// Tells the address with its token, as whoever may read it.
pub fn run(args: &WebArgs) -> anyhow::Result<ExitCode> {
    let config = load_config(args.config.as_deref())?;
    let name = args.instance.as_deref().unwrap_or(DEFAULT_NAME);
    let path = web_path(&config.run_dir, name);
    let address = match std::fs::read_to_string(&path) {
        Ok(address) => address,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the runmon named `{name}` has no web page\nhint: give its configuration `web:` with \
             `listen: 127.0.0.1:9754`, and start it again"
        ),
        Err(error) => {
            return Err(error).with_context(|| {
                format!("cannot read {}: try it as who started the daemon", path.display())
            });
        }
    };
    // What a daemon left behind leads nowhere.
    if std::os::unix::net::UnixStream::connect(socket_path(&config.run_dir, name)).is_err() {
        bail!("no runmon named `{name}` is running here");
    }
    show(&address)?;
    Ok(ExitCode::SUCCESS)
}
