//! `runmon doctor`: what this host allows, what cannot be seen there, and how to mend it.
#![expect(clippy::print_stdout, reason = "a report is what this command is for")]

use std::{path::Path, process::ExitCode};

use monitor_common::Program;
use serde_json::{Value, json};

use super::{choice, hostname, load_config};
use crate::{
    bpf::{
        btf,
        hooks::HOOKS,
        object::{LoadOptions, Object, cgroup2_root},
        planner,
    },
    cli::DoctorArgs,
    config::Config,
    flood::FloodLimit,
    metadata::cgroups,
};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    good: bool,
    found: String,
    cure: &'static str,
}

/// Looks at the host, tries every hook once, and says what came of it. Nothing stays attached.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = load_config(None)?;
    let findings = host(&config);
    let plan = plan(args, &config);
    if args.json {
        println!("{}", as_json(&findings, &plan));
    } else {
        print(&findings, &plan);
    }
    let blind =
        plan.as_ref().map_or(true, |(plan, _)| plan.hooks.iter().any(|hook| hook.chosen.is_none()));
    Ok(if blind { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn host(config: &Config) -> Vec<Finding> {
    let mut findings = privileges();
    findings.extend(mounts());
    let runtimes: Vec<String> = config
        .runtime_roots
        .iter()
        .filter(|root| root.state.exists())
        .map(|root| root.state.display().to_string())
        .collect();
    findings.push(Finding {
        what: "container runtimes",
        good: !runtimes.is_empty(),
        found: if runtimes.is_empty() { "none found".into() } else { runtimes.join(", ") },
        cure: "name their directories in runtime_roots, if there are containers here",
    });
    findings
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// A fact that is neither good nor bad.
fn fact(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, good: true, found: found.into(), cure: "" }
}

fn privileges() -> Vec<Finding> {
    let root = nix::unistd::geteuid().is_root();
    let types = Path::new(btf::VMLINUX).exists();
    let lockdown = read("/sys/kernel/security/lockdown");
    let lsm = read("/sys/kernel/security/lsm");
    let unseen = "not shown (securityfs is not mounted)";
    vec![
        fact("kernel", read("/proc/sys/kernel/osrelease")),
        Finding {
            what: "root",
            good: root,
            found: yes_no(root),
            cure: "run it with sudo, or in a privileged container",
        },
        Finding {
            what: "kernel type information (BTF)",
            good: types,
            found: yes_no(types),
            cure: "runmon needs Linux 5.8 or later with CONFIG_DEBUG_INFO_BTF",
        },
        Finding {
            what: "lockdown",
            good: !lockdown.contains("[confidentiality]"),
            found: if lockdown.is_empty() { unseen.to_owned() } else { lockdown },
            cure: "confidentiality hides kernel memory: boot with lockdown=integrity",
        },
        fact("security modules", if lsm.is_empty() { unseen.to_owned() } else { lsm }),
    ]
}

fn mounts() -> Vec<Finding> {
    let v2 = cgroup2_root();
    let tracefs = Path::new("/sys/kernel/tracing/events").exists();
    let bpffs = read("/proc/self/mounts").contains(" bpf ");
    let told = |mounted: bool, without: &str| {
        if mounted { "mounted".to_owned() } else { format!("not mounted: {without}") }
    };
    vec![
        Finding {
            what: "cgroup v2",
            good: v2.is_some(),
            found: v2.map_or_else(|| "not mounted".into(), |path| path.display().to_string()),
            cure: "mount -t cgroup2 none /sys/fs/cgroup: DNS and the fallback for connections need \
                   it",
        },
        fact(
            "cgroup v1 hierarchy that names containers",
            cgroups::v1_controller().unwrap_or("none"),
        ),
        fact("tracefs", told(tracefs, "there are no kprobe hooks")),
        fact("bpffs", told(bpffs, "nothing can be pinned")),
    ]
}

/// Instructions that the verifier walked for each program that is loaded, where the kernel says
/// (Linux 5.16).
type Verified = Vec<(&'static str, u32)>;

/// The plan for this host, and what its programs cost the verifier; or why there is none.
type Planned = Result<(planner::Plan, Verified), String>;

fn plan(args: &DoctorArgs, config: &Config) -> Planned {
    let load = || -> Result<(planner::Plan, Verified), crate::bpf::BpfError> {
        let mut object = Object::load(&LoadOptions {
            ring_bytes: 65_536,
            flood: FloodLimit::default(),
            kernel_log: false,
            floor: false,
            cgroup_v1_controller: cgroups::v1_controller(),
        })?;
        object.set_own_pids(&[std::process::id()])?;
        let counters = object.take_counters()?;
        let kinds: Vec<_> = HOOKS.iter().map(|hook| hook.kind).collect();
        let mut plan = planner::Plan::default();
        plan.attach(&mut object, &counters, &kinds, choice(args.hooks, config.hooks))?;
        plan.require_sight()?;
        let verified =
            |program: &Program| Some((program.name(), object.verified_instructions(*program)?));
        let verified = Program::ALL.iter().filter_map(verified).collect();
        Ok((plan, verified))
    };
    load().map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

fn print(findings: &[Finding], plan: &Planned) {
    println!("Host {}", hostname());
    for finding in findings {
        let mark = if finding.good { "ok " } else { "BAD" };
        println!("  {mark} {}: {}", finding.what, finding.found);
        if !finding.good {
            println!("      cure: {}", finding.cure);
        }
    }
    println!("\nHooks");
    match plan {
        Err(why) => println!("  BAD none can be loaded: {why}"),
        Ok((plan, _)) => plan.hooks.iter().for_each(print_hook),
    }
}

fn print_hook(hook: &planner::Planned) {
    let kind = hook.kind.name();
    match &hook.chosen {
        None => println!("  BAD {kind}: not seen"),
        Some(chosen) => {
            let programs: Vec<String> = chosen
                .programs
                .iter()
                .map(|(program, fired)| {
                    let label = crate::bpf::attach_point::attach_point(*program).label();
                    match fired {
                        Some(true) => format!("{label} (fires)"),
                        Some(false) => format!("{label} (DID NOT FIRE)"),
                        None => format!("{label} (attached)"),
                    }
                })
                .collect();
            println!("  ok  {kind}: {} [{}]", chosen.backend.name(), programs.join(", "));
            for gap in &chosen.blind {
                println!("        cannot see: {gap}");
            }
        }
    }
    for refusal in &hook.refused {
        println!("        not {}: {}", refusal.backend.name(), refusal.why);
    }
}

fn as_json(findings: &[Finding], plan: &Planned) -> Value {
    let host: Vec<Value> = findings
        .iter()
        .map(|f| json!({ "what": f.what, "good": f.good, "found": f.found, "cure": f.cure }))
        .collect();
    let hooks = match plan {
        Err(why) => return json!({ "host": host, "hooks": [], "failure": why }),
        Ok((plan, _)) => plan.hooks.iter().map(hook_json).collect::<Vec<_>>(),
    };
    let verified = plan.iter().flat_map(|(_, verified)| verified);
    let verified: serde_json::Map<String, Value> =
        verified.map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
    json!({ "host": host, "hooks": hooks, "verified_instructions": verified })
}

fn hook_json(hook: &planner::Planned) -> Value {
    let refused: Vec<Value> = hook
        .refused
        .iter()
        .map(|refusal| json!({ "backend": refusal.backend.name(), "why": refusal.why }))
        .collect();
    let programs = |chosen: &planner::Chosen| -> Vec<Value> {
        let one = |(program, fired): &(Program, Option<bool>)| {
            let label = crate::bpf::attach_point::attach_point(*program).label();
            json!({ "program": program.name(), "attach": label, "fired": fired })
        };
        chosen.programs.iter().map(one).collect()
    };
    json!({
        "kind": hook.kind.name(),
        "backend": hook.chosen.as_ref().map(|chosen| chosen.backend.name()),
        "programs": hook.chosen.as_ref().map(programs),
        "blind": hook.chosen.as_ref().map(|chosen| &chosen.blind),
        "refused": refused,
    })
}
