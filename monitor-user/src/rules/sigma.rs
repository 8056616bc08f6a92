//! What of Sigma's Linux rules can be carried: log source categories and their fields.
//!
//! Sigma's fields are those of Sysmon for Linux, so each stands for what that writes there.

#[cfg(test)]
mod tests;

use monitor_rules::sigma::{Category, Profile, Source};

/// What [`import`](monitor_rules::sigma::import) is given.
pub static PROFILE: Profile = Profile {
    categories: &[
        Category {
            name: "process_creation",
            condition: "evt.type in (execve, execveat)",
            output: "(command=%proc.exeline path=%proc.exepath script=%proc.script \
                     directory=%proc.cwd parent=%proc.pexepath parent_command=%proc.pexeline \
                     user=%user.uid login=%user.loginuid container=%container.name \
                     image=%container.image.repository pod=%k8s.pod.name namespace=%k8s.ns.name)",
            tags: &["host", "container", "process"],
            fields: &PROCESS,
            searched: &WHO,
        },
        Category {
            name: "file_event",
            condition: "evt.type in (open, openat, openat2, creat, open_by_handle_at) \
                        and evt.is_open_write = true and fd.typechar = f and evt.rawres >= 0",
            output: "(file=%fd.name created=%evt.is_open_create command=%proc.exeline \
                     path=%proc.exepath parent=%proc.pexepath user=%user.uid \
                     login=%user.loginuid container=%container.name \
                     image=%container.image.repository pod=%k8s.pod.name namespace=%k8s.ns.name)",
            tags: &["host", "container", "filesystem"],
            fields: &joined::<{ PROCESS.len() + FILE.len() }>(&FILE),
            searched: &joined_names::<{ WHO.len() + 1 }>("fd.name"),
        },
        Category {
            name: "network_connection",
            condition: "evt.type in (connect, sendto, sendmsg) and fd.sockfamily = ip \
                        and (evt.rawres >= 0 or evt.res = EINPROGRESS)",
            output: "(to=%fd.name protocol=%fd.l4proto command=%proc.exeline \
                     path=%proc.exepath parent=%proc.pexepath user=%user.uid \
                     login=%user.loginuid container=%container.name \
                     image=%container.image.repository pod=%k8s.pod.name namespace=%k8s.ns.name)",
            tags: &["host", "container", "network"],
            fields: &joined::<{ PROCESS.len() + NETWORK.len() }>(&NETWORK),
            searched: &joined_names::<{ WHO.len() + 1 }>("fd.name"),
        },
    ],
};

type Fields<const N: usize> = [(&'static str, Source); N];

const HASHES: Source = Source::Nowhere("of the hashes of programs only `sha256` is taken");
const WINDOWS: Source = Source::Nowhere("programs on Linux have no such thing");

/// Who acts. The command line is that of all arguments, the first as the caller chose it.
const PROCESS: Fields<27> = [
    ("Image", Source::Field("proc.exepath")),
    ("CommandLine", Source::Field("proc.exeline")),
    ("CurrentDirectory", Source::Field("proc.cwd")),
    ("ProcessId", Source::Field("proc.pid")),
    ("ParentImage", Source::Field("proc.pexepath")),
    ("ParentCommandLine", Source::Field("proc.pexeline")),
    ("ParentProcessId", Source::Field("proc.ppid")),
    ("User", Source::Field("user.name")),
    // Sysmon for Linux writes the user id there.
    ("LogonId", Source::Field("user.uid")),
    ("Hashes", HASHES),
    ("md5", HASHES),
    ("sha1", HASHES),
    ("sha256", Source::Field("proc.exe_sha256")),
    ("Imphash", WINDOWS),
    ("OriginalFileName", WINDOWS),
    ("FileVersion", WINDOWS),
    ("Description", WINDOWS),
    ("Product", WINDOWS),
    ("Company", WINDOWS),
    ("IntegrityLevel", WINDOWS),
    ("LogonGuid", WINDOWS),
    ("TerminalSessionId", Source::Nowhere("it is the audit session, which is not observed")),
    ("ProcessGuid", Source::Nowhere("such ids are Sysmon's own")),
    ("ParentProcessGuid", Source::Nowhere("such ids are Sysmon's own")),
    ("ParentUser", Source::Nowhere("the user of the parent is not kept")),
    ("UtcTime", Source::Nowhere("times are not compared")),
    ("RuleName", Source::Nowhere("it is set by Sysmon's own configuration")),
];

const FILE: Fields<2> = [
    ("TargetFilename", Source::Field("fd.name")),
    ("CreationUtcTime", Source::Nowhere("times are not compared")),
];

/// The acts that are observed are the client's.
const NETWORK: Fields<11> = [
    ("DestinationIp", Source::Field("fd.rip")),
    ("DestinationPort", Source::Field("fd.rport")),
    ("SourceIp", Source::Field("fd.lip")),
    ("SourcePort", Source::Field("fd.lport")),
    ("Protocol", Source::Field("fd.l4proto")),
    ("Initiated", Source::Always("true")),
    ("DestinationHostname", HOSTNAME),
    ("SourceHostname", HOSTNAME),
    ("DestinationPortName", Source::Nowhere("ports have numbers only: use DestinationPort")),
    ("DestinationIsIpv6", Source::Nowhere("use DestinationIp with `cidr`")),
    ("SourceIsIpv6", Source::Nowhere("use SourceIp with `cidr`")),
];

const HOSTNAME: Source =
    Source::Nowhere("a connection has addresses only: the names that led to them are not observed");

/// What is text about who acts.
const WHO: [&str; 6] =
    ["proc.exeline", "proc.exepath", "proc.pexeline", "proc.pexepath", "proc.cwd", "user.name"];

/// The fields of a category with those of the process. The compiler runs it.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would not compile")]
const fn joined<const N: usize>(own: &'static [(&'static str, Source)]) -> Fields<N> {
    let mut all = [("", WINDOWS); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() { own[at] } else { PROCESS[at - own.len()] };
        at += 1;
    }
    all
}

/// A field with the texts about who acts. The compiler runs it.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would not compile")]
const fn joined_names<const N: usize>(own: &'static str) -> [&'static str; N] {
    let mut all = [own; N];
    let mut at = 1;
    while at < N {
        all[at] = WHO[at - 1];
        at += 1;
    }
    all
}
