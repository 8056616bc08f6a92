//! Fields that Falco's rule files use and that no event has here. Rules that ask for one load, and
//! a warning says what is missing; in an output text it stands as `<NA>`.

use monitor_rules::{ArgRule, Field, Get, KindSet, Type, Value};

use crate::event::Event;

const fn no(name: &'static str, ty: Type, arg: ArgRule, doc: &'static str) -> Field<Event> {
    Field { name, ty, arg, kinds: KindSet::EMPTY, doc, get: Get::One(|_, _| Value::Absent) }
}

const fn text(name: &'static str, doc: &'static str) -> Field<Event> {
    no(name, Type::Str, ArgRule::None, doc)
}

const fn int(name: &'static str, doc: &'static str) -> Field<Event> {
    no(name, Type::Int, ArgRule::None, doc)
}

const fn flag(name: &'static str, doc: &'static str) -> Field<Event> {
    no(name, Type::Bool, ArgRule::None, doc)
}

const PATHS: &str = "Acts on paths other than opens are not observed.";
const SETTING: &str = "Changes of a process's identity are not observed.";
const DATA: &str = "The data that is read and written is not observed.";
const RESOLVED: &str = "Names of addresses are not observed.";
const CONTAINER: &str = "This fact about containers is not known.";
const RESOURCES: &str = "What a process uses and may use is not observed.";
const SYSCALL: &str = "Events are acts, not system calls: it has no meaning here.";

const GROUPS: &str = "Process groups are not observed.";
const STREAM: &str = "What a standard stream is called is not observed.";
const CAPTURE: &str = "There is no capture that has a beginning.";
const ARGUMENT: &str = "Arguments go by names of their own, as in `evt.arg.flags`.";

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    text("evt.arg.cmd", "Calls of bpf(2) are not observed."),
    text("evt.arg.domain", "The making of sockets is not observed."),
    text("evt.arg.fd", "The numbers of file descriptors are not observed."),
    text("evt.arg.linkpath", PATHS),
    text("evt.arg.mode", PATHS),
    text("evt.arg.newpath", PATHS),
    text("evt.arg.oldpath", PATHS),
    text("evt.arg.path", PATHS),
    text("evt.arg.pathname", PATHS),
    text("evt.arg.request", "Calls of ptrace(2) are not observed."),
    text("evt.arg.target", PATHS),
    text("evt.arg.targetpid", "Signals and calls of ptrace(2) are not observed."),
    text("evt.arg.uid", SETTING),
    text("evt.arg.gid", SETTING),
    text("evt.arg.sig", "Signals are not observed."),
    text("evt.arg.data", DATA),
    no("evt.arg", Type::Str, ArgRule::Key, ARGUMENT),
    no("evt.rawarg", Type::Str, ArgRule::Key, ARGUMENT),
    int("evt.reltime", CAPTURE),
    int("evt.reltime.s", CAPTURE),
    int("evt.reltime.ns", CAPTURE),
    text("evt.asynctype", SYSCALL),
    text("evt.hostname", "The host's name stands in alerts, outside of what rules see."),
    text("evt.buffer", DATA),
    int("evt.buflen", DATA),
    text("evt.io_dir", DATA),
    flag("evt.is_io", DATA),
    flag("evt.is_io_read", DATA),
    flag("evt.is_io_write", DATA),
    flag("evt.is_syslog", DATA),
    flag("evt.is_wait", SYSCALL),
    int("evt.latency", SYSCALL),
    int("evt.deltatime", SYSCALL),
    int("evt.cpu", SYSCALL),
    text("evt.info", SYSCALL),
    text("evt.abspath", PATHS),
    text("evt.abspath.src", PATHS),
    text("evt.abspath.dst", PATHS),
    text("fd.sip.name", RESOLVED),
    text("fd.cip.name", RESOLVED),
    text("fd.lip.name", RESOLVED),
    text("fd.rip.name", RESOLVED),
    text("fd.proto", RESOLVED),
    text("fd.sproto", RESOLVED),
    text("fd.cproto", RESOLVED),
    text("fd.lproto", RESOLVED),
    text("fd.rproto", RESOLVED),
    flag("fd.is_server", "The role of a socket is not observed."),
    no("fd.types", Type::Str, ArgRule::OptionalIndex, "Open descriptors are not listed."),
    text("fd.containername", "Compare `container.id` and `fd.name`."),
    text("fd.containerdirectory", "Compare `container.id` and `fd.directory`."),
    int("fd.uid", "Who owns a file descriptor is not observed."),
    text("fs.path.source", PATHS),
    text("fs.path.sourceraw", PATHS),
    text("fs.path.target", PATHS),
    text("fs.path.targetraw", PATHS),
    flag("proc.is_exe_writable", "Who may write to an executable is not observed."),
    flag("proc.is_vpgid_leader", GROUPS),
    flag("proc.is_pgid_leader", GROUPS),
    int("proc.pgid", GROUPS),
    text("proc.pgid.name", GROUPS),
    text("proc.pgid.exe", GROUPS),
    text("proc.pgid.exepath", GROUPS),
    int("proc.vpgid", GROUPS),
    text("proc.vpgid.name", GROUPS),
    text("proc.vpgid.exe", GROUPS),
    text("proc.vpgid.exepath", GROUPS),
    text("proc.stdin.name", STREAM),
    text("proc.stdout.name", STREAM),
    text("proc.stderr.name", STREAM),
    no("proc.aenv", Type::Str, ArgRule::OptionalKey, "Environments of ancestors are not asked."),
    flag("proc.is_container_healthcheck", CONTAINER),
    flag("proc.is_container_liveness_probe", CONTAINER),
    flag("proc.is_container_readiness_probe", CONTAINER),
    int("proc.loginshellid", "Login shells are not told apart."),
    int("proc.nchilds", RESOURCES),
    int("proc.nthreads", RESOURCES),
    int("proc.fdopencount", RESOURCES),
    int("proc.fdlimit", RESOURCES),
    int("proc.fdusage", RESOURCES),
    int("proc.vmsize", RESOURCES),
    int("proc.vmrss", RESOURCES),
    int("proc.vmswap", RESOURCES),
    int("thread.vtid", "Ids of threads in their namespace are not observed."),
    int("thread.cpu", RESOURCES),
    int("thread.exectime", RESOURCES),
    text("thread.cgroups", "The cgroup is only used to find the container."),
    no("thread.cgroup", Type::Str, ArgRule::Key, "The cgroup is only used to find the container."),
    text("thread.cap_inheritable", "Only effective and permitted capabilities are observed."),
    text("user.homedir", "Home directories are not known."),
    text("user.shell", "Login shells are not known."),
    flag("container.privileged", CONTAINER),
    flag("container.host_pid", CONTAINER),
    flag("container.host_network", CONTAINER),
    flag("container.host_ipc", CONTAINER),
    text("container.mounts", CONTAINER),
    no("container.mount", Type::Str, ArgRule::Key, CONTAINER),
    no("container.mount.dest", Type::Str, ArgRule::Key, CONTAINER),
    no("container.mount.source", Type::Str, ArgRule::Key, CONTAINER),
    no("container.mount.mode", Type::Str, ArgRule::Key, CONTAINER),
    no("container.mount.rdwr", Type::Str, ArgRule::Key, CONTAINER),
    int("container.start_ts", CONTAINER),
    int("container.duration", CONTAINER),
    text("container.ip", CONTAINER),
    text("container.cni.json", CONTAINER),
    text("container.healthcheck", CONTAINER),
    text("container.liveness_probe", CONTAINER),
    text("container.readiness_probe", CONTAINER),
    no("container.label", Type::Str, ArgRule::Key, CONTAINER),
    text("container.labels", CONTAINER),
    text("container.image.id", CONTAINER),
    no("k8s.pod.label", Type::Str, ArgRule::Key, "Labels of pods are not known."),
    text("k8s.pod.labels", "Labels of pods are not known."),
    text("k8s.pod.ip", "Addresses of pods are not known."),
    text("k8s.pod.full_sandbox_id", "Ids of pod sandboxes are not known."),
    text("k8s.pod.sandbox_id", "Ids of pod sandboxes are not known."),
];
