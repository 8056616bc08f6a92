//! `posture`: how the host and containers are set up.

use std::path::PathBuf;

use clap::Args;

/// What `posture` says of itself, at length.
pub(super) const ABOUT: &str = "\
Say how the host and containers are set up, and what is amiss

Privileges, capabilities, namespaces, mounts, limits, ports, users: each is what the kernel \
tells of the running processes, and not what somebody declared; what is more than was declared \
is said, too. Standards have numbers for most of it: --list shows them. What cannot be seen is \
never counted as good: --all shows it. The exit code is 1 if anything is to be looked at. \
Needs root.

Of the host: who can command container runtimes, what Docker, the kubelet and sshd were told, \
whose their files are, its kernel, and whether it is kept up to date. What standards ask that no \
node can decide is shown by --all as such, with the reason.

With --traffic it is said, too, how those are spoken to who listen to others than their own \
network's loopback: the first bytes of the connections that begin meanwhile are looked at and \
forgotten. Since TLS 1.3 nobody sees there whether a client was asked for a certificate.

Programs of containers that run as another user (setuid), or get capabilities by their file, are \
looked for here only.

The daemon looks by itself, at the host, at each start of a container and afterwards: see \
`posture` in its configuration.";

/// `posture`.
#[derive(Debug, Args)]
pub struct PostureArgs {
    /// Names of containers, or ids or beginnings of them, or `host`; without one the host and all
    /// that run
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// What passes, too, what cannot be seen, and what cannot be decided here
    #[arg(long)]
    pub all: bool,
    /// Only what matters at least so much: debug, informational, notice, warning, error …
    #[arg(long, value_name = "PRIORITY", default_value = "debug")]
    pub priority: String,
    /// Every check, what standards call it and what to do about it; looks at nothing
    #[arg(long, conflicts_with_all = ["containers", "all"])]
    pub list: bool,
    /// Seconds to listen to how listeners are spoken to: plaintext or TLS; nothing is sent
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["list", "root"])]
    pub traffic: Option<u64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// The host whose root directory this is, for example of an image that is mounted there
    #[arg(long, value_name = "DIR", conflicts_with_all = ["containers", "list"])]
    pub root: Option<PathBuf>,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
