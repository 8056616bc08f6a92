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

const DATA: &str = "The data that is read and written is not observed.";
const RESOLVED: &str = "Names are known of addresses that a container goes to.";
const SERVICE: &str = "Names of ports are not looked up.";
const CONTAINER: &str = "This fact about containers is not known.";
const RESOURCES: &str = "What a process uses and may use is not observed.";
const SYSCALL: &str = "Events are acts, not system calls: it has no meaning here.";

const GROUPS: &str = "Process groups are not observed.";
const STREAM: &str = "What a standard stream is called is not observed.";
const DELTA: &str = "Each event is judged by itself; `aggregate` gathers several.";
const PLUGIN: &str = "There are no plugins.";
const POLL: &str = "Calls of poll(2) are not observed.";
const SYSLOG: &str = "Messages to the system log are not observed.";
const CLUSTER: &str = "What the cluster's API knows is not asked.";
const NAMESPACE: &str = "When a pid namespace began is not observed.";
const CAPTURE: &str = "There is no capture that has a beginning.";
const ARGUMENT: &str = "Arguments go by names of their own, as in `evt.arg.flags`.";

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    text("evt.arg.fd", "The numbers of file descriptors are not observed."),
    text("evt.arg.data", DATA),
    no("evt.arg", Type::Str, ArgRule::Key, ARGUMENT),
    no("evt.rawarg", Type::Str, ArgRule::Key, ARGUMENT),
    int("evt.reltime", CAPTURE),
    int("evt.reltime.s", CAPTURE),
    int("evt.reltime.ns", CAPTURE),
    text("evt.asynctype", SYSCALL),
    text("evt.buffer", DATA),
    int("evt.buflen", DATA),
    int("evt.buflen.in", DATA),
    int("evt.buflen.out", DATA),
    int("evt.buflen.file", DATA),
    int("evt.buflen.file.in", DATA),
    int("evt.buflen.file.out", DATA),
    int("evt.buflen.net", DATA),
    int("evt.buflen.net.in", DATA),
    int("evt.buflen.net.out", DATA),
    text("evt.io_dir", DATA),
    flag("evt.is_io", DATA),
    flag("evt.is_io_read", DATA),
    flag("evt.is_io_write", DATA),
    flag("evt.is_syslog", DATA),
    flag("evt.is_wait", SYSCALL),
    int("evt.latency", SYSCALL),
    int("evt.latency.s", SYSCALL),
    int("evt.latency.ns", SYSCALL),
    int("evt.latency.quantized", SYSCALL),
    text("evt.latency.human", SYSCALL),
    int("evt.wait_latency", SYSCALL),
    int("evt.deltatime", DELTA),
    int("evt.deltatime.s", DELTA),
    int("evt.deltatime.ns", DELTA),
    text("evt.outputtime", "Write `evt.time`."),
    no("evt.type.is", Type::Int, ArgRule::Key, "Compare `evt.type`."),
    text("syscall.type", "Compare `evt.type`."),
    no("evt.around", Type::Int, ArgRule::Key, "Compare `evt.rawtime`."),
    text("evt.pluginname", PLUGIN),
    text("evt.plugininfo", PLUGIN),
    int("evt.cpu", SYSCALL),
    text("evt.info", SYSCALL),
    text("fd.cip.name", RESOLVED),
    text("fd.lip.name", RESOLVED),
    text("fd.proto", SERVICE),
    text("fd.sproto", SERVICE),
    text("fd.cproto", SERVICE),
    text("fd.lproto", SERVICE),
    text("fd.rproto", SERVICE),
    no("fd.types", Type::Str, ArgRule::OptionalIndex, "Open descriptors are not listed."),
    text("fd.containername", "Compare `container.id` and `fd.name`."),
    text("fd.containerdirectory", "Compare `container.id` and `fd.directory`."),
    int("fd.uid", "Who owns a file descriptor is not observed."),
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
    int("proc.loginshellid", "Login shells are not told apart."),
    int("proc.nchilds", RESOURCES),
    int("proc.nthreads", RESOURCES),
    int("proc.fdopencount", RESOURCES),
    int("proc.fdlimit", RESOURCES),
    int("proc.fdusage", RESOURCES),
    int("proc.pidns_init_start_ts", NAMESPACE),
    int("proc.exe_ino.ctime_duration_pidns_start", NAMESPACE),
    int("proc.vmsize", RESOURCES),
    int("proc.vmrss", RESOURCES),
    int("proc.vmswap", RESOURCES),
    int("thread.vtid", "Ids of threads in their namespace are not observed."),
    int("thread.cpu", RESOURCES),
    int("thread.cpu.user", RESOURCES),
    int("thread.cpu.system", RESOURCES),
    int("thread.exectime", RESOURCES),
    int("thread.totexectime", RESOURCES),
    int("thread.pfmajor", RESOURCES),
    int("thread.pfminor", RESOURCES),
    int("thread.vmsize", RESOURCES),
    int("thread.vmsize.b", RESOURCES),
    int("thread.vmrss", RESOURCES),
    int("thread.vmrss.b", RESOURCES),
    text("thread.nametid", "Write `proc.name` and `thread.tid`."),
    text("thread.cgroups", "The cgroup is only used to find the container."),
    no("thread.cgroup", Type::Str, ArgRule::Key, "The cgroup is only used to find the container."),
    text("thread.cap_inheritable", "Only effective and permitted capabilities are observed."),
    text("user.homedir", "Home directories are not known."),
    text("user.shell", "Login shells are not known."),
    text("container.ip", CONTAINER),
    text("container.cni.json", CONTAINER),
    text("k8s.pod.ip", "Addresses of pods are not known."),
    text("k8s.pod.id", "Compare `k8s.pod.uid`."),
    text("k8s.pod.cni.json", "Addresses of pods are not known."),
    text("fdlist.nums", POLL),
    text("fdlist.names", POLL),
    text("fdlist.cips", POLL),
    text("fdlist.sips", POLL),
    text("fdlist.cports", POLL),
    text("fdlist.sports", POLL),
    text("syslog.facility.str", SYSLOG),
    int("syslog.facility", SYSLOG),
    text("syslog.severity.str", SYSLOG),
    int("syslog.severity", SYSLOG),
    text("syslog.message", SYSLOG),
    int("util.cnt", "`evt.num` counts events."),
    text("k8s.ns.id", CLUSTER),
    no("k8s.ns.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8s.ns.labels", CLUSTER),
    text("k8s.deployment.id", CLUSTER),
    no("k8s.deployment.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8s.deployment.labels", CLUSTER),
    text("k8s.rs.id", CLUSTER),
    no("k8s.rs.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8s.rs.labels", CLUSTER),
    text("k8s.rc.name", CLUSTER),
    text("k8s.rc.id", CLUSTER),
    no("k8s.rc.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8s.rc.labels", CLUSTER),
    text("k8s.svc.name", CLUSTER),
    text("k8s.svc.id", CLUSTER),
    no("k8s.svc.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8s.svc.labels", CLUSTER),
    text("k8smeta.pod.ip", CLUSTER),
    text("k8smeta.pod.name", CLUSTER),
    text("k8smeta.pod.uid", CLUSTER),
    no("k8smeta.pod.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.pod.labels", CLUSTER),
    text("k8smeta.ns.name", CLUSTER),
    text("k8smeta.ns.uid", CLUSTER),
    no("k8smeta.ns.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.ns.labels", CLUSTER),
    text("k8smeta.deployment.name", CLUSTER),
    text("k8smeta.deployment.uid", CLUSTER),
    no("k8smeta.deployment.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.deployment.labels", CLUSTER),
    text("k8smeta.svc.name", CLUSTER),
    text("k8smeta.svc.uid", CLUSTER),
    no("k8smeta.svc.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.svc.labels", CLUSTER),
    text("k8smeta.rs.name", CLUSTER),
    text("k8smeta.rs.uid", CLUSTER),
    no("k8smeta.rs.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.rs.labels", CLUSTER),
    text("k8smeta.rc.name", CLUSTER),
    text("k8smeta.rc.uid", CLUSTER),
    no("k8smeta.rc.label", Type::Str, ArgRule::Key, CLUSTER),
    text("k8smeta.rc.labels", CLUSTER),
];
