//! Judges what was read: what is missing, what it costs, and what to add for it.

use super::{
    Facts, Finding, Place,
    facts::Socket,
    needs::{self, Access, Capability},
};

/// Everything that was looked at, what stands most in the way first.
#[must_use]
pub fn of(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![Finding::fact("kernel", facts.kernel.clone())];
    findings.push(Finding::fact("where it runs", facts.place.describe()));
    findings.push(root(facts));
    findings.push(users(facts));
    findings.push(pids(facts));
    findings.push(types(facts));
    findings.extend(capabilities(facts));
    findings.push(seccomp(facts));
    findings.push(lockdown(facts));
    findings.extend(modules(facts));
    findings.extend(cgroups(facts));
    findings.push(Finding::fact(
        "kprobes",
        if facts.kprobes { "there" } else { "not in this kernel: other hooks are taken" },
    ));
    findings.push(runtimes(facts));
    findings.extend(sockets(facts));
    findings.extend(run_dir(facts));
    findings.extend(state_dir(facts));
    findings
}

fn root(facts: &Facts) -> Finding {
    if facts.is_root {
        return Finding::fact("root", "yes");
    }
    let cure = if facts.place.is_container() { "" } else { "run it with sudo" };
    Finding::flaw("root", "no", "`runmon run` does not start").cure(cure).add(needs::root())
}

fn users(facts: &Facts) -> Finding {
    const WHAT: &str = "user namespace";
    if facts.users_of_host {
        return Finding::fact(WHAT, "the host's");
    }
    let costs = "nothing is seen: capabilities do not count outside of it";
    Finding::flaw(WHAT, "its own", costs).add(needs::users_of_host())
}

fn pids(facts: &Facts) -> Finding {
    const WHAT: &str = "pid namespace";
    if facts.pids_of_host {
        return Finding::fact(WHAT, "the host's");
    }
    let costs = "`runmon run` does not start: the kernel tells of the host's pids";
    Finding::flaw(WHAT, "its own", costs).add(needs::pids_of_host())
}

fn types(facts: &Facts) -> Finding {
    const WHAT: &str = "kernel type information (BTF)";
    let Some(why) = &facts.types_hidden else { return Finding::fact(WHAT, "yes") };
    let flaw = Finding::flaw(WHAT, format!("no: {why}"), "`runmon run` does not start")
        .cure("runmon needs Linux 5.8 or later with CONFIG_DEBUG_INFO_BTF");
    if facts.place.is_container() {
        flaw.add(needs::mount("sys", "/sys", Access::Read))
    } else {
        flaw
    }
}

fn has(facts: &Facts, capability: u32) -> bool {
    facts.capabilities & (1 << capability) != 0
}

fn capabilities(facts: &Facts) -> Vec<Finding> {
    let missing: Vec<&Capability> =
        needs::USED.iter().filter(|capability| is_missing(facts, capability)).collect();
    let mut findings: Vec<Finding> = missing.iter().map(|it| lacking(it)).collect();
    if missing.is_empty() {
        findings.push(Finding::fact("capabilities", "all that it needs here"));
    }
    if !facts.addresses_shown && has(facts, needs::SYSLOG) && facts.is_root && facts.users_of_host {
        let costs = "opens of files cost more";
        let cure = "sysctl kernel.kptr_restrict=1 on the host";
        findings.push(Finding::flaw("/proc/kallsyms", "addresses are hidden", costs).cure(cure));
    }
    findings
}

fn is_missing(facts: &Facts, capability: &Capability) -> bool {
    let is_held =
        has(facts, capability.number) || capability.or.is_some_and(|other| has(facts, other));
    let is_used = match capability.number {
        // Before, programs on packets were attached for that capability alone.
        needs::NET_ADMIN => !has(facts, needs::SYS_ADMIN) || is_before(&facts.kernel, (6, 9)),
        needs::SYSLOG => !facts.addresses_shown,
        // Since then maps count towards the cgroup of who makes them.
        needs::SYS_RESOURCE => is_before(&facts.kernel, (5, 11)) && !facts.locks_unbounded,
        _ => true,
    };
    !is_held && is_used
}

fn lacking(capability: &Capability) -> Finding {
    let flaw = Finding::flaw(capability.name, "missing", capability.costs);
    let flaw = flaw.add(needs::capability(capability.name));
    if capability.or == Some(needs::SYS_ADMIN) {
        return flaw.cure("where the runtime does not know it, CAP_SYS_ADMIN does the same");
    }
    flaw
}

/// For what the kernel does not tell of before it is tried.
fn is_before(kernel: &str, since: (u32, u32)) -> bool {
    let mut numbers = kernel.split(['.', '-']).map(|number| number.parse::<u32>().ok());
    let version = numbers.next().flatten().zip(numbers.next().flatten());
    version.is_some_and(|version| version < since)
}

/// A filter answers in the kernel's place: what it refuses to who has the capabilities is its own.
fn seccomp(facts: &Facts) -> Finding {
    const WHAT: &str = "bpf(2)";
    const COSTS: &str = "nothing is seen: neither maps nor programs can be loaded";
    let by = if facts.seccomp_filter { ", through a seccomp filter" } else { "" };
    let Some(why) = &facts.bpf_refused else {
        return Finding::fact(WHAT, format!("answered{by}"));
    };
    let is_capable = facts.is_root
        && facts.users_of_host
        && (has(facts, needs::USED[0].number) || has(facts, needs::SYS_ADMIN));
    match (is_capable, facts.seccomp_filter) {
        // What is missing is said above.
        (false, filter) => {
            let later =
                if filter { "; there is a seccomp filter, which may refuse it, too" } else { "" };
            Finding::fact(WHAT, format!("refused for want of what is named above{later}"))
        }
        (true, true) => Finding::flaw(WHAT, format!("refused by a seccomp filter: {why}"), COSTS)
            .add(needs::no_seccomp()),
        (true, false) => Finding::flaw(WHAT, format!("refused: {why}"), COSTS)
            .cure("a security module of the host refuses it, or wants CAP_SYS_ADMIN as well"),
    }
}

const UNSEEN: &str = "not shown (securityfs is not mounted)";

fn lockdown(facts: &Facts) -> Finding {
    let shown = if facts.lockdown.is_empty() { UNSEEN } else { &facts.lockdown };
    if !facts.lockdown.contains("[confidentiality]") {
        return Finding::fact("lockdown", shown);
    }
    Finding::flaw("lockdown", shown, "nothing is seen: programs may not read kernel memory")
        .cure("boot with lockdown=integrity")
}

fn modules(facts: &Facts) -> Vec<Finding> {
    let shown = &facts.security_modules;
    let mut findings =
        vec![Finding::fact("security modules", if shown.is_empty() { UNSEEN } else { shown })];
    let label = &facts.label;
    // SELinux: user, role, type, level.
    let is_container_type = |kind: &str| kind.starts_with("container_");
    if label.split(':').nth(2).is_some_and(is_container_type) {
        let costs = "what SELinux refuses containers: files and processes of others, and bpf(2)";
        findings.push(Finding::flaw("SELinux", label, costs).add(needs::no_selinux()));
    } else if label.ends_with("(enforce)") && facts.place.is_container() {
        let costs = "what the profile refuses: to look at other processes, whose files are not \
                     hashed then";
        findings.push(Finding::flaw("AppArmor", label, costs).add(needs::no_apparmor()));
    }
    findings
}

fn cgroups(facts: &Facts) -> Vec<Finding> {
    let sys = || needs::mount("sys", "/sys", Access::Read);
    let is_container = facts.place.is_container();
    let mut findings = Vec::new();
    findings.push(match &facts.cgroup2 {
        Some(path) => Finding::fact("cgroup v2", path.display().to_string()),
        None => {
            let costs = "what name servers are asked is not seen, nor what the fallback for \
                         connections would see";
            let flaw = Finding::flaw("cgroup v2", "not mounted", costs);
            if is_container {
                flaw.cure("mount the host's /sys, if the host has cgroup v2").add(sys())
            } else {
                flaw.cure("mount -t cgroup2 none /sys/fs/cgroup")
            }
        }
    });
    let controller = facts.cgroup1.unwrap_or("none");
    findings.push(Finding::fact("cgroup v1 hierarchy that names containers", controller));
    if !facts.cgroups_cut.is_empty() {
        let cut: Vec<String> =
            facts.cgroups_cut.iter().map(|path| path.display().to_string()).collect();
        let found = format!("only a part of the host's is at {}", cut.join(", "));
        let costs = "containers that ran before the monitor are not named; connections, datagrams \
                     and names are seen in that part only";
        findings.push(Finding::flaw("cgroups", found, costs).add(sys()));
    }
    findings
}

fn runtimes(facts: &Facts) -> Finding {
    const WHAT: &str = "container runtimes";
    const COSTS: &str = "containers have neither names nor images";
    let show = |path: &std::path::Path| path.display().to_string();
    let here: Vec<String> =
        facts.runtimes.iter().filter(|it| it.is_here).map(|it| show(&it.state)).collect();
    if !here.is_empty() {
        return Finding::fact(WHAT, here.join(", "));
    }
    let flaw = Finding::flaw(WHAT, "none found", COSTS)
        .cure("name their directories in runtime_roots, if there are others here");
    if !facts.place.is_container() {
        return flaw;
    }
    // One that the host has for sure, or else any that it may have.
    let missing = |on_host| facts.runtimes.iter().find(|it| it.on_host == on_host);
    let Some(runtime) = missing(Some(true)).or_else(|| missing(None)) else { return flaw };
    let path = show(&runtime.state);
    let found = if runtime.on_host.is_some() { "of the host" } else { "of the host, if it has it" };
    let mount = needs::mount(&mount_name(&path), &path, Access::Follow);
    Finding::flaw(WHAT, format!("{path} {found}, is not mounted here"), COSTS).add(mount)
}

/// Where nothing of any runtime is here, the directory that is asked for has the socket, too.
fn sockets(facts: &Facts) -> Vec<Finding> {
    let is_any_here = facts.runtimes.iter().any(|it| it.is_here);
    let sockets = facts.runtimes.iter().filter_map(|it| it.socket.as_ref());
    sockets.filter(|_| is_any_here).map(|it| socket(facts, it)).collect()
}

fn socket(facts: &Facts, socket: &Socket) -> Finding {
    const WHAT: &str = "containerd's socket";
    const COSTS: &str = "of its containers and pods the labels and the digests of images are not \
                         known, nor, outside of pods, the images";
    let path = socket.path.display();
    let Some(why) = &socket.unreached else { return Finding::fact(WHAT, path.to_string()) };
    let flaw = Finding::flaw(WHAT, format!("{path}: {why}"), COSTS);
    if !facts.place.is_container() {
        return flaw.cure("name it with `socket` in runtime_roots, if it is elsewhere");
    }
    // Not the socket alone: who restarts makes another one.
    let directory = socket.path.parent().unwrap_or(&socket.path).display().to_string();
    flaw.add(needs::mount(&mount_name(&directory), &directory, Access::Follow))
}

/// The name of a volume for a directory.
fn mount_name(path: &str) -> String {
    format!("host{}", path.replace('/', "-"))
}

fn run_dir(facts: &Facts) -> Option<Finding> {
    let path = facts.run_dir.path.display().to_string();
    let flaw = if !facts.is_root {
        return None;
    } else if !facts.run_dir.is_writable {
        let costs = "`runmon run` does not start: it has no place for its lock";
        Finding::flaw("run directory", format!("{path} cannot be written to"), costs)
    } else if facts.place.is_container() && !facts.run_dir.is_hosts {
        let costs = "a second monitor on this host starts unnoticed";
        Finding::flaw("run directory", format!("{path} is not the host's"), costs)
    } else {
        return Some(Finding::fact("run directory", path));
    };
    Some(place_for(facts, flaw, ("run", &path)))
}

/// Without sinks that want it there need be none.
fn state_dir(facts: &Facts) -> Option<Finding> {
    const WHAT: &str = "state directory";
    let directory = facts.state_dir.as_ref().filter(|_| facts.is_root)?;
    let path = directory.path.display().to_string();
    let flaw = if !directory.is_writable {
        let costs = "what sinks have not got yet is lost when runmon ends";
        Finding::flaw(WHAT, format!("{path} cannot be written to"), costs)
    } else if facts.place.is_container() && !directory.is_hosts {
        let costs = "what sinks have not got yet is lost with the container";
        Finding::flaw(WHAT, format!("{path} is not the host's"), costs)
    } else {
        return Some(Finding::fact(WHAT, path));
    };
    Some(place_for(facts, flaw, ("state", &path)))
}

/// What gives it a directory of its own.
fn place_for(facts: &Facts, flaw: Finding, (name, path): (&str, &str)) -> Finding {
    match facts.place {
        Place::Host => flaw.add(needs::writable(path)),
        Place::Container { .. } => flaw.add(needs::mount(name, path, Access::Write)),
    }
}

#[cfg(test)]
mod tests;
