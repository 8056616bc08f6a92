//! [`WayIn`]: how a process came to run where it does. Its children inherit it.

use crate::{
    container::Container,
    event::{Fact, Process, Reason, base_name},
};

/// How a process came to run in its container, or on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is the container's first program, or came of it.
    Entrypoint,
    /// It was put into the container later, at a terminal (`kubectl exec -it`).
    InteractiveExec,
    /// It was put into the container later, without a terminal.
    Exec,
    /// The same, with the command of the engine's health check.
    Healthcheck,
    /// The same, with the command of the pod's liveness probe.
    LivenessProbe,
    /// The same, with the command of the pod's readiness probe.
    ReadinessProbe,
    /// systemd started it: a service, or a user's manager.
    Systemd,
    /// A daemon started it that runs commands at times.
    Cron,
    /// It came of a session over SSH.
    Ssh,
    /// It came of a session at the machine itself.
    Login,
}

impl Way {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Entrypoint,
        Self::InteractiveExec,
        Self::Exec,
        Self::Healthcheck,
        Self::LivenessProbe,
        Self::ReadinessProbe,
        Self::Systemd,
        Self::Cron,
        Self::Ssh,
        Self::Login,
    ];

    /// How documents and rules name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entrypoint => "entrypoint",
            Self::InteractiveExec => "interactive_exec",
            Self::Exec => "exec",
            Self::Healthcheck => "healthcheck",
            Self::LivenessProbe => "liveness_probe",
            Self::ReadinessProbe => "readiness_probe",
            Self::Systemd => "systemd",
            Self::Cron => "cron",
            Self::Ssh => "ssh",
            Self::Login => "login",
        }
    }

    /// The way of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// Whether it leads into containers.
    #[must_use]
    pub const fn is_into_container(self) -> bool {
        !matches!(self, Self::Systemd | Self::Cron | Self::Ssh | Self::Login)
    }
}

/// What is kept of a process: few bytes. What the cgroup of a process is may be told later than
/// how the process came into it, so there is one way for each case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WayIn {
    on_host: Option<Way>,
    in_container: Option<Way>,
    stage: Stage,
}

/// How much of the way into the container is behind a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It is known as well as it can be.
    #[default]
    Settled,
    /// The process is in, and did not start its program yet.
    Entering,
    /// The commands of the container's probes are not known yet.
    Uncompared,
}

/// Directories of programs that only the host's administrator changes.
const SYSTEM: [&[u8]; 6] =
    [b"/usr/sbin/", b"/usr/bin/", b"/usr/lib/", b"/usr/libexec/", b"/sbin/", b"/bin/"];

/// Programs that let sessions in or start commands at times.
const DOORS: [(Way, &[&[u8]]); 3] = [
    (Way::Ssh, &[b"sshd", b"sshd-session", b"sshd-auth", b"dropbear"]),
    (Way::Cron, &[b"cron", b"crond", b"anacron", b"atd", b"fcron"]),
    (Way::Login, &[b"login", b"gdm-session-worker", b"lightdm", b"sddm-helper", b"xdm", b"greetd"]),
];

impl WayIn {
    /// Of a process that came this way.
    #[must_use]
    pub fn of(way: Way) -> Self {
        match way.is_into_container() {
            true => Self { in_container: Some(way), ..Self::default() },
            false => Self { on_host: Some(way), ..Self::default() },
        }
    }

    /// How a process with this container came to run where it does.
    pub fn way(self, container: &Container) -> Result<Way, Reason> {
        let way = match container.is_host() {
            true => self.on_host,
            false if !container.is_certain() => return Err(Reason::Pending),
            false if self.stage == Stage::Uncompared && is_pending(container) => {
                return Err(Reason::Pending);
            }
            false => self.in_container,
        };
        way.ok_or(Reason::NotSeen)
    }

    /// Whether it came with the first program of its container, if that is one: what its cgroup is
    /// may still be looked up.
    #[must_use]
    pub fn is_with_first(self) -> bool {
        self.in_container == Some(Way::Entrypoint)
    }

    /// Of a child of a process.
    #[must_use]
    pub fn inherited(self) -> Self {
        // A child runs what its parent started: it is not what an engine asked for.
        let stage = if self.stage == Stage::Uncompared { Stage::Settled } else { self.stage };
        Self { stage, ..self }
    }

    /// Of a process that shares a parent's place on the host, and no container with it.
    #[must_use]
    pub fn outside(self) -> Self {
        Self { on_host: self.on_host, ..Self::default() }
    }

    /// It came into a container from outside.
    pub fn enter(&mut self, is_first: bool) {
        let way = if is_first { Way::Entrypoint } else { Way::Exec };
        self.in_container = Some(way);
        self.stage = if is_first { Stage::Settled } else { Stage::Entering };
    }

    /// It started a program; `is_new` if that was seen, else it ran before the monitor did.
    pub fn start(
        &mut self,
        process: &Process,
        parent: Option<&Process>,
        container: &Container,
        is_new: bool,
    ) {
        if self.stage == Stage::Entering && !is_runtime(process) {
            self.settle(process, container);
        }
        if let Some(way) = parent.and_then(|parent| way_on_host(process, parent, is_new)) {
            self.on_host = Some(way);
        }
    }

    /// More may be known of the container by now.
    pub fn compare_again(&mut self, process: &Process, container: &Container) {
        if self.stage == Stage::Uncompared && !is_pending(container) {
            self.settle(process, container);
        }
    }

    fn settle(&mut self, process: &Process, container: &Container) {
        self.stage = Stage::Settled;
        if process.tty.is_some() {
            self.in_container = Some(Way::InteractiveExec);
            return;
        }
        if is_pending(container) {
            self.stage = Stage::Uncompared;
        }
        let probes = [
            (Way::Healthcheck, &container.healthcheck),
            (Way::LivenessProbe, &container.liveness_probe),
            (Way::ReadinessProbe, &container.readiness_probe),
        ];
        let is_whole = process.args_total as usize == process.args.len();
        let is_it = |fact: &Fact<Box<str>>| {
            let command = fact.known().map(|command| command.as_bytes());
            is_whole && command == Some(&*process.args) && !process.args.is_empty()
        };
        let probe = probes.into_iter().find(|(_, fact)| is_it(fact)).map(|(way, _)| way);
        self.in_container = Some(probe.unwrap_or(Way::Exec));
    }
}

/// Whether a probe's command may still be told of.
fn is_pending(container: &Container) -> bool {
    let probes = [&container.healthcheck, &container.liveness_probe, &container.readiness_probe];
    probes.into_iter().any(|fact| *fact == Fact::Unknown(Reason::Pending))
}

/// Whether a process that is in a container is still the runtime: `runc init` starts itself anew
/// from a copy of its file, in memory or as a mount that is nowhere.
#[must_use]
pub fn is_runtime(process: &Process) -> bool {
    let path = process.executable.as_deref().unwrap_or_default();
    let is_init = process.args.ends_with(b"\0init\0");
    is_init && (base_name(path) == b"runc" || path.starts_with(b"/memfd:runc") || path == b"/")
}

fn way_on_host(process: &Process, parent: &Process, is_new: bool) -> Option<Way> {
    let door = parent.executable.as_deref().filter(|path| is_of_system(path)).map(base_name)?;
    let own = process.executable.as_deref().map(base_name).unwrap_or_default();
    let found = DOORS.iter().find(|(_, names)| names.contains(&door));
    if let Some((way, names)) = found {
        // It may be made of several programs.
        return (!names.contains(&own)).then_some(*way);
    }
    // Who lost its parent is a child of systemd's as well; a service leads a session.
    let is_service = is_new || process.session_id == process.key.pid;
    (door == b"systemd" && parent.key.pid == 1 && is_service).then_some(Way::Systemd)
}

fn is_of_system(path: &[u8]) -> bool {
    SYSTEM.iter().any(|directory| path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::process_table::unknown_process,
        event::{FactSource, ProcessKey},
    };

    fn process(pid: u32, path: &str) -> Process {
        let key = ProcessKey { pid, start_ns: 1 };
        Process {
            executable: Some(path.as_bytes().into()),
            session_id: pid,
            ..unknown_process(key, ProcessKey { pid: 1, start_ns: 1 }, pid)
        }
    }

    #[test]
    fn the_parents_program_tells_the_way_on_the_host() {
        #[track_caller]
        fn check(parent: (u32, &str), own: &str, expected: Option<Way>) {
            let (own, parent) = (process(50, own), process(parent.0, parent.1));
            assert_eq!(way_on_host(&own, &parent, true), expected);
        }
        check((9, "/usr/sbin/sshd"), "/usr/bin/bash", Some(Way::Ssh));
        check((9, "/usr/lib/openssh/sshd-session"), "/usr/bin/bash", Some(Way::Ssh));
        check((9, "/usr/sbin/sshd"), "/usr/lib/openssh/sshd-session", None);
        check((9, "/usr/sbin/cron"), "/usr/bin/dash", Some(Way::Cron));
        check((9, "/usr/bin/login"), "/usr/bin/bash", Some(Way::Login));
        check((1, "/usr/lib/systemd/systemd"), "/usr/sbin/cron", Some(Way::Systemd));
        // A user's own manager: what it starts has the way of the manager itself.
        check((9, "/usr/lib/systemd/systemd"), "/usr/bin/x", None);
        // Anybody can name a program so.
        check((9, "/tmp/sshd"), "/usr/bin/bash", None);
        check((9, "/usr/bin/bash"), "/usr/bin/id", None);
        // It ran before the monitor, and does not lead a session: it may have lost its parent.
        let orphan = Process { session_id: 7, ..process(50, "/usr/bin/x") };
        let systemd = process(1, "/usr/lib/systemd/systemd");
        assert_eq!(way_on_host(&orphan, &systemd, false), None);
        assert_eq!(way_on_host(&process(50, "/usr/bin/x"), &systemd, false), Some(Way::Systemd));
    }

    fn container(probe: Fact<Box<str>>) -> Container {
        let runtime = Fact::Known("docker".into(), FactSource::Docker);
        Container { id: "c".into(), runtime, healthcheck: probe, ..Container::host() }
    }

    fn started(args: &[u8]) -> Process {
        let total = u32::try_from(args.len()).unwrap();
        Process { args: args.into(), args_total: total, ..process(50, "/bin/x") }
    }

    #[test]
    fn who_comes_later_is_told_by_terminal_and_command() {
        let known = container(Fact::Known("test\0-e\0/ok\0".into(), FactSource::Docker));
        let way = |process: &Process| {
            let mut way = WayIn::default();
            way.enter(false);
            assert_eq!(way.way(&known), Ok(Way::Exec));
            way.start(process, None, &known, true);
            way.inherited().way(&known)
        };
        assert_eq!(way(&started(b"test\0-e\0/ok\0")), Ok(Way::Healthcheck));
        assert_eq!(way(&started(b"test\0-e\0")), Ok(Way::Exec));
        // A part of it was not kept.
        let cut = Process { args_total: 900, ..started(b"test\0-e\0/ok\0") };
        assert_eq!(way(&cut), Ok(Way::Exec));
        let typed = Process { tty: Some((136, 0)), ..started(b"test\0-e\0/ok\0") };
        assert_eq!(way(&typed), Ok(Way::InteractiveExec));
        // The runtime's own program is not the one yet.
        let mut entering = WayIn::default();
        entering.enter(false);
        let runtime = Process { args: b"runc\0init\0".as_slice().into(), ..process(50, "/x/runc") };
        entering.start(&runtime, None, &known, true);
        entering.inherited().start(&typed, None, &known, true);
        assert_eq!(entering.stage, Stage::Entering);
    }

    #[test]
    fn a_command_is_compared_once_it_is_known() {
        let mut way = WayIn::default();
        way.enter(false);
        let (pending, process) = (container(Fact::Unknown(Reason::Pending)), started(b"ok\0"));
        way.start(&process, None, &pending, true);
        assert_eq!(way.way(&pending), Err(Reason::Pending));
        // Its children are no probes of their own.
        let known = container(Fact::Known("ok\0".into(), FactSource::Docker));
        assert_eq!(way.inherited().way(&known), Ok(Way::Exec));
        way.compare_again(&process, &known);
        assert_eq!(way.way(&known), Ok(Way::Healthcheck));
    }

    #[test]
    fn each_way_has_a_name_of_its_own() {
        for way in Way::ALL {
            assert_eq!(Way::from_name(way.name()), Some(way));
        }
        assert_eq!(WayIn::default().way(&Container::host()), Err(Reason::NotSeen));
    }
}
