//! `diff`: a container as it was declared, and as it is.

use std::path::PathBuf;

use clap::Args;

/// What `diff` says of itself, at length.
pub(super) const ABOUT: &str = "\
Say what a container is beyond what was declared

Compares what Docker, podman, containerd, CRI-O or runc were told (user, groups, capabilities, \
no_new_privs, seccomp, AppArmor, namespaces, read-only root, mounts, limits, ports) with what \
the kernel tells of the processes in the container's cgroup, and of those from outside that \
are in its mount or pid namespace. Needs root, and no daemon.

Each line is something that is more than was declared, with a process that shows it; what is \
less is no difference, nor is what every runtime adds by itself. The last line says what was \
compared, and what could not be: that is never counted as the same. It is a look at one \
moment: the daemon's rules with the tag `declared` alert on what lasts for less.

What an engine changes of a running container, as by `docker update`, is not in the files that \
it was started by, and is told as a difference. At the loopback address a container listens \
for itself, which is none.";

/// `diff`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct DiffArgs {
    /// Name of the container, or how its id begins
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// Configuration file, for the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

const EXIT_CODES: &str = "\
Exit codes: 0 nothing is more than was declared; 1 something is; 2 the container was not found, or
cannot be looked at. What could not be compared is told, and changes none of them.";
