//! One file a subcommand.

pub mod alerts;
mod apart;
pub mod config;
pub mod data;
pub mod diff;
pub mod doctor;
mod filter;
pub mod images;
pub mod inventory;
mod own;
pub mod policy;
pub mod posture;
pub mod profile;
pub mod record;
pub mod reference;
pub mod replay;
pub mod report;
pub mod rules;
pub mod run;
mod running;
pub mod status;
mod supported;
pub mod tail;
#[cfg(feature = "top")]
pub mod top;
pub mod verify_stream;
pub mod vulns;
#[cfg(feature = "web")]
pub mod web;

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use monitor_common::RecordKind;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    bpf::{hooks::Backend, kernel_side::SideOptions, planner::Choice},
    cli::Hooks,
    config::{Asked, Config, ConfigError, Format},
    control::{Reply, Request, client},
    document::{Schema, Sender},
    env::EnvKeys,
    flood::FloodLimit,
    host::in_initial_pid_namespace,
    instance::{DEFAULT_NAME, socket_path},
    live::{Bell, LiveOptions},
    logging::say,
    node::{self, Node},
    rules::filter::KernelFilter,
    source::recording::RecordingError,
};

use filter::{compile_filter, no_filter};

/// A failure that is the caller's to mend: usage, configuration or rules. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Reads the configuration; what is wrong with it is the caller's to mend.
fn load_config(path: Option<&Path>) -> anyhow::Result<Config> {
    load_config_asking(path, Asked::default())
}

/// The same for who watches.
fn load_config_for(path: Option<&Path>, args: &crate::cli::LiveArgs) -> anyhow::Result<Config> {
    let asked = Asked { api: args.kubernetes_api, services: args.kubernetes_services };
    load_config_asking(path, asked)
}

fn load_config_asking(path: Option<&Path>, asked: Asked) -> anyhow::Result<Config> {
    Config::load(path, asked).map_err(config_error)
}

/// Says what to do about a configuration that cannot be used.
fn config_error(error: ConfigError) -> anyhow::Error {
    let hint = error.cure().map_or(String::new(), |cure| format!("\nhint: {cure}"));
    Usage(format!("{:#}{hint}", anyhow::Error::from(error))).into()
}

/// Asks the running daemon.
fn ask_daemon(
    config: Option<&Path>,
    instance: Option<&str>,
    request: &Request,
) -> anyhow::Result<Reply> {
    let config = load_config(config)?;
    let name = instance.unwrap_or(DEFAULT_NAME);
    let socket = socket_path(&config.run_dir, name);
    let answer =
        client::ask(&socket, request).map_err(|error| explain_asking(&error, name, &socket))?;
    answer.map_err(|refusal| match refusal.usage {
        true => Usage(refusal.error).into(),
        false => anyhow::anyhow!(refusal.error),
    })
}

/// Where an instance keeps what sinks have not got yet, and history: each has its own.
fn store_path(config: &Config, instance: &str) -> std::path::PathBuf {
    config.state_dir.join(match instance {
        DEFAULT_NAME => "store".to_owned(),
        other => format!("store-{other}"),
    })
}

/// Where an instance keeps something below `state_dir`.
fn kept_in(config: &Config, what: &str, instance: &str) -> std::path::PathBuf {
    config.state_dir.join(match instance {
        DEFAULT_NAME => what.to_owned(),
        other => format!("{what}-{other}"),
    })
}

/// Where an instance keeps copies of programs behind alerts.
fn executables_path(config: &Config, instance: &str) -> std::path::PathBuf {
    kept_in(config, "executables", instance)
}

/// Where an instance keeps what it learns of images.
fn profiles_path(config: &Config, instance: &str) -> std::path::PathBuf {
    kept_in(config, "profiles", instance)
}

/// Where an instance keeps what images use.
fn usage_path(config: &Config, instance: &str) -> std::path::PathBuf {
    kept_in(config, "usage", instance)
}

/// Says what an error on the way to the daemon means.
fn explain_asking(error: &std::io::Error, name: &str, socket: &Path) -> anyhow::Error {
    let (what, cure) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => (
            format!("no runmon named `{name}` is running here"),
            "`runmon run` starts one; --instance names another, and --config says where it is",
        ),
        ErrorKind::PermissionDenied => (
            format!("the runmon named `{name}` may not be asked"),
            "only root and the daemon's own user may: run it with sudo",
        ),
        _ => (format!("the runmon named `{name}` gives no answer: {error}"), "see its log"),
    };
    anyhow::anyhow!("{what} ({})\nhint: {cure}", socket.display())
}

/// Says what to do about a recording that cannot be opened.
fn explain_recording(error: RecordingError) -> anyhow::Error {
    let hint = match &error {
        RecordingError::Open { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            "\nhint: a recording never replaces a file: name another one, or remove it".to_owned()
        }
        RecordingError::Open { source, .. } => format!("\nhint: {}", crate::input::cure(source)),
        _ => String::new(),
    };
    anyhow::anyhow!("{:#}{hint}", anyhow::Error::from(error))
}

/// A file for what is written. It replaces none, as a recording does not.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|source| explain_recording(RecordingError::Open { path: path.to_owned(), source }))
}

/// How to watch, of the configuration and the command line; the latter wins.
fn live_options(
    config: &Config,
    args: &crate::cli::LiveArgs,
    kinds: Vec<RecordKind>,
    env_keys: EnvKeys,
) -> LiveOptions {
    LiveOptions {
        side: SideOptions {
            kinds,
            choice: choice(args.hooks, config.hooks),
            ring_bytes: config.ring_bytes,
            flood: FloodLimit::default(),
            kernel_log: args.kernel_log,
            floor: args.bare_floor,
            env_keys,
            filter: KernelFilter::default(),
            syscalls: false,
        },
        runtime_roots: config.runtime_roots.clone(),
        bounds: config.bounds(),
        keep: None,
        assesses: false,
        listens: false,
        accepted: config.posture_looks.exceptions.clone(),
        upkeep: None,
        kubernetes: config.kubernetes.clone(),
    }
}

fn choice(asked: Hooks, configured: Choice) -> Choice {
    match asked {
        Hooks::Auto => configured,
        Hooks::Fentry => Choice::Only(Backend::Fentry),
        Hooks::Kprobe => Choice::Only(Backend::Kprobe),
        Hooks::Fallback => Choice::Only(Backend::Fallback),
    }
}

/// The schema that a format stands for on standard output.
fn schema(format: Format) -> Schema {
    use std::io::IsTerminal as _;
    match format {
        Format::Text => Schema::Text { colour: std::io::stdout().is_terminal() },
        Format::Ecs => Schema::Ecs,
        Format::Ocsf => Schema::Ocsf,
        Format::Falco => Schema::Falco,
        Format::Cef => Schema::Cef,
    }
}

/// Writes to standard output. A reader that has seen enough is no failure.
fn show(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Who sends documents.
fn sender(config: &Config, instance: &str) -> Sender {
    let node = Node {
        hostname: node::hostname(),
        said_name: node::said_name(config.node.as_deref()),
        cluster: config.cluster.clone(),
        labels: config.labels.clone(),
    };
    Sender {
        node: Arc::new(node),
        boot_id: node::kernels("random/boot_id"),
        run_id: format!("{:x}", crate::live::boottime_ns()),
        instance: instance.to_owned(),
        history: false,
    }
}

/// What SIGHUP means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hangup {
    /// To a daemon: read the rules again.
    Reloads,
    /// To who works for a terminal: it was closed.
    Stops,
}

/// A bell that signals ring: SIGINT and SIGTERM stop, SIGHUP does what is said.
fn bell_of_signals(hangup: Hangup) -> anyhow::Result<Bell> {
    let bell = Bell::new().context("cannot make an eventfd")?;
    let mut watched = vec![SIGINT, SIGTERM, SIGHUP];
    // Under nohup it is to outlive its terminal.
    if hangup == Hangup::Stops && is_ignored(SIGHUP) {
        watched.retain(|signal| *signal != SIGHUP);
    }
    let mut signals = Signals::new(watched).context("cannot watch signals")?;
    let ringer = bell.clone();
    let reloads = hangup == Hangup::Reloads;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if signal == SIGHUP && reloads { ringer.reload() } else { ringer.stop() }
            }
        })
        .context("cannot start a thread")?;
    Ok(bell)
}

/// Whether this process ignores a signal, as `nohup` makes it.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Rings the bell once nobody reads an output any more: the reader of a pipe has seen enough, or a
/// terminal is gone. Without it that is noticed only at the next write, which may never come.
fn stop_when_unread(output: impl AsFd, bell: &Bell) -> anyhow::Result<()> {
    let output = output.as_fd().try_clone_to_owned().context("cannot use the output")?;
    let ringer = bell.clone();
    std::thread::Builder::new()
        .name("output".into())
        .spawn(move || {
            if is_unread_at_last(&output) {
                ringer.stop();
            }
        })
        .context("cannot start a thread")?;
    Ok(())
}

/// Waits until nobody reads an output. False if that cannot be told.
fn is_unread_at_last(output: &OwnedFd) -> bool {
    loop {
        // Nothing is asked for: an error and a hang-up are told in any case.
        let mut watched = [PollFd::new(output.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {
                let [watched] = watched;
                let told = watched.revents().unwrap_or(PollFlags::empty());
                return told.intersects(PollFlags::POLLERR | PollFlags::POLLHUP);
            }
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// What watching needs and this process may lack, before the kernel's own, terser answer.
fn check_host() -> anyhow::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "watching needs root\nhint: run it with sudo, or as a container with privileges; \
             `runmon replay` and `runmon rules` need none"
        );
    }
    if !in_initial_pid_namespace() {
        bail!(
            "this process is in a pid namespace of its own; the kernel tells of the host's pids\n\
             hint: give the container the host's: hostPID in Kubernetes, --pid=host elsewhere"
        );
    }
    if !Path::new(crate::bpf::btf::VMLINUX).exists() {
        bail!(
            "this kernel shows no type information (BTF) at {}\nhint: runmon needs Linux 5.8 or \
             later, built with CONFIG_DEBUG_INFO_BTF; in a container, /sys must be the host's",
            crate::bpf::btf::VMLINUX
        );
    }
    Ok(())
}

/// What asking the cluster's API needs, where it is asked.
fn check_cluster(config: &Config) -> anyhow::Result<()> {
    #[cfg(feature = "kubernetes")]
    if let Some(options) = &config.kubernetes {
        crate::kubernetes::check(options).map_err(|error| {
            let cure = error.cure();
            anyhow::anyhow!(
                "the cluster's API cannot be asked: {:#}\nhint: {cure}",
                anyhow::Error::from(error)
            )
        })?;
    }
    #[cfg(not(feature = "kubernetes"))]
    let _none_is_asked = config;
    Ok(())
}

/// Says which kinds of record have no hook, and why.
fn say_unseen(live: &crate::live::Live) {
    for hook in live.plan().hooks.iter().filter(|hook| hook.chosen.is_none()) {
        let why: Vec<&str> = hook.refused.iter().map(|refusal| refusal.why.as_str()).collect();
        say(&format!("{} is not seen: {}", hook.kind.name(), why.join("; ")));
    }
}

/// Reads and compiles rules to match events with; what is wrong with them is said, and is the
/// caller's to mend.
fn load_rules(paths: &[std::path::PathBuf]) -> anyhow::Result<Arc<crate::rules::Rules>> {
    rules::watched::RuleFiles::new(paths.to_vec()).load()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_nobody_reads_is_noticed() {
        let (reader, writer) = std::io::pipe().unwrap();
        let waiting = std::thread::spawn(move || is_unread_at_last(&OwnedFd::from(writer)));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(reader);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn ignored_signals_are_known() {
        // The standard library ignores this one for every Rust program.
        assert!(is_ignored(signal_hook::consts::SIGPIPE));
        assert!(!is_ignored(signal_hook::consts::SIGCHLD));
    }
}
