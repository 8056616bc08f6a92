//! `runmon web`: how the page of the running daemon is opened.

use std::{io::ErrorKind, process::ExitCode};

use anyhow::{Context as _, bail};

use super::{load_config, say, show};
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
    if let Some(opened) = address.strip_prefix("unix:").and_then(through_port) {
        show(&opened.address)?;
        say(&opened.hint);
        return Ok(ExitCode::SUCCESS);
    }
    show(&address)?;
    Ok(ExitCode::SUCCESS)
}

/// The port of a browser's own host that is led to a socket.
const PORT: u16 = 9754;

/// How a page is opened that is on a socket.
#[derive(Debug, PartialEq, Eq)]
struct Opened {
    address: String,
    hint: String,
}

/// Browsers open no sockets: a port is led there first, here or from where the browser is.
fn through_port(told: &str) -> Option<Opened> {
    let (path, token) = told.rsplit_once(" #token=")?;
    let socat = format!("socat TCP-LISTEN:{PORT},bind=127.0.0.1,fork UNIX-CONNECT:{path}");
    let ssh = format!("ssh -NL 127.0.0.1:{PORT}:{path} root@HOST");
    Some(Opened {
        address: format!("http://127.0.0.1:{PORT}/#token={token}"),
        hint: format!(
            "the page is on a socket: lead port {PORT} to it first\n  from elsewhere: {ssh}\n  \
             on this host:   {socat}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_on_a_socket_is_opened_through_a_port() {
        let opened = through_port("/run/run mon/web.sock #token=0af\n").unwrap();
        assert_eq!(opened.address, "http://127.0.0.1:9754/#token=0af\n");
        assert!(opened.hint.contains(":/run/run mon/web.sock root@"), "{}", opened.hint);
        assert_eq!(through_port("/run/x"), None);
    }
}
