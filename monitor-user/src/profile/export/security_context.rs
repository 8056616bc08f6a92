//! The part of a pod's specification that says what its containers may do.

use std::collections::{BTreeMap, BTreeSet};

use super::{Exported, Form, comments, evidence, identifier, of};
use crate::profile::{
    Part, Profile, Thing,
    paths::Order,
    thing::{OUTSIDE, Program},
};

/// File systems of the kernel's, which are no part of the image.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Directories of temporary files, which an empty volume can be.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/run"];
/// A capability with which Kubernetes does not let privileges be kept from being gained.
const ADMIN: &str = "CAP_SYS_ADMIN";

pub(super) fn write(profile: &Profile) -> Exported {
    let mut programs = Vec::new();
    for thing in of(profile, Part::Programs) {
        if let Thing::Program(program) = thing {
            programs.push(program);
        }
    }
    let capabilities = of(profile, Part::Capabilities);
    let (temporary, others) = written(profile);
    let name = identifier(&profile.name, '-');
    let mut text = comments(&evidence(profile, Form::SecurityContext));
    text.push_str("# A part of a pod's specification: `name` is that of the container there.\n");
    text.push_str(&format!("spec:\n  containers:\n  - name: {name}\n    securityContext:\n"));
    users(&mut text, &programs);
    gaining(&mut text, &programs, profile, &capabilities);
    root(&mut text, &temporary, &others);
    granted(&mut text, &capabilities);
    if others.is_empty() && !temporary.is_empty() {
        volumes(&mut text, &temporary);
    }
    let notes = vec![
        "`capabilities` are those that programs start with: drop one after another of those that \
         it can do without"
            .to_owned(),
    ];
    Exported { text, notes }
}

fn users(text: &mut String, programs: &[Program]) {
    let all: BTreeSet<u32> = programs.iter().map(|program| program.user).collect();
    let first = programs.iter().filter(|program| &*program.parent == OUTSIDE);
    let first: BTreeSet<u32> = first.map(|program| program.user).collect();
    let listed: Vec<String> = all.iter().map(u32::to_string).collect();
    let listed = if listed.is_empty() { "none seen".to_owned() } else { listed.join(", ") };
    text.push_str(&format!("      # programs: users as the host counts them: {listed}.\n"));
    let is_root = all.is_empty() || all.contains(&0);
    text.push_str(&format!("      runAsNonRoot: {}\n", !is_root));
    let mut first = first.into_iter();
    if let (false, Some(user), None) = (is_root, first.next(), first.next()) {
        text.push_str(&format!("      # programs: what comes from {OUTSIDE} runs as it.\n"));
        text.push_str(&format!("      runAsUser: {user}\n"));
    }
}

/// Whether some program has a user that its parent had not, and that it was not given by a call:
/// by the file that it is of.
fn gainer<'p>(programs: &'p [Program], profile: &Profile) -> Option<&'p Program> {
    let changes = of(profile, Part::Acts);
    let changes = |by: &str| {
        changes.iter().any(|thing| {
            let Thing::Act(act, who) = thing else { return false };
            **who == *by && act.starts_with("set")
        })
    };
    programs.iter().find(|program| {
        let as_parent = programs.iter().filter(|other| other.path == program.parent);
        let users: BTreeSet<u32> = as_parent.map(|other| other.user).collect();
        &*program.parent != OUTSIDE
            && !users.is_empty()
            && !users.contains(&program.user)
            && !changes(&program.parent)
    })
}

fn gaining(text: &mut String, programs: &[Program], profile: &Profile, capabilities: &[Thing]) {
    let mut say = |why: &str, may: bool| {
        text.push_str(&format!("      # {why}.\n      allowPrivilegeEscalation: {may}\n"));
    };
    if capabilities.iter().any(|thing| thing.to_string() == ADMIN) {
        say(&format!("capabilities: {ADMIN}, with which Kubernetes takes nothing else"), true);
    } else if let Some(program) = gainer(programs, profile) {
        say(&format!("programs: {program} has a user that its parent has not"), true);
    } else {
        say("programs: none has a user that its parent has not, but by a call of its own", false);
    }
}

/// What is written: directories that an empty volume can be, and others, by their first two names.
fn written(profile: &Profile) -> (BTreeSet<&'static str>, BTreeMap<String, usize>) {
    let (mut temporary, mut others) = (BTreeSet::new(), BTreeMap::new());
    for thing in of(profile, Part::Files) {
        let Thing::File(path) = thing else { continue };
        let path = path.text(Order::Path);
        let is_in = |directory: &&str| {
            path.strip_prefix(*directory)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if KERNEL.iter().any(is_in) {
            continue;
        }
        match TEMPORARY.iter().find(|directory| is_in(directory)) {
            Some(directory) => {
                temporary.insert(*directory);
            }
            None => {
                let mut names = path.split('/').skip(1);
                let (first, second) = (names.next().unwrap_or_default(), names.next());
                // Of a file that is not deep it is the directory that a volume could be.
                let deep = second.filter(|_| names.next().is_some());
                let place = deep.map_or(format!("/{first}"), |it| format!("/{first}/{it}"));
                *others.entry(place).or_insert(0) += 1;
            }
        }
    }
    (temporary, others)
}

fn root(text: &mut String, temporary: &BTreeSet<&str>, others: &BTreeMap<String, usize>) {
    if others.is_empty() {
        let below = match temporary.is_empty() {
            true => "none was written but of the kernel's".to_owned(),
            false => {
                let listed: Vec<&str> = temporary.iter().copied().collect();
                format!("all that were written are below {}", listed.join(", "))
            }
        };
        text.push_str(&format!("      # files: {below}.\n      readOnlyRootFilesystem: true\n"));
        return;
    }
    text.push_str(
        "      # files: written below the following. Where each is a volume, say true.\n",
    );
    for (place, count) in others {
        text.push_str(&format!("      # - {place} ({count} in the profile)\n"));
    }
    temporary.iter().for_each(|place| text.push_str(&format!("      # - {place}\n")));
    text.push_str("      readOnlyRootFilesystem: false\n");
}

fn granted(text: &mut String, capabilities: &[Thing]) {
    text.push_str(
        "      # capabilities: those that programs start with, which is not that they use them.\n",
    );
    text.push_str("      capabilities:\n        drop: [ALL]\n");
    if !capabilities.is_empty() {
        let name = |thing: &Thing| thing.to_string().trim_start_matches("CAP_").to_owned();
        let names: Vec<String> = capabilities.iter().map(name).collect();
        text.push_str(&format!("        add: [{}]\n", names.join(", ")));
    }
}

fn volumes(text: &mut String, temporary: &BTreeSet<&str>) {
    let name = |place: &str| identifier(place, '-');
    text.push_str("    volumeMounts:\n");
    for place in temporary {
        text.push_str(&format!("    - {{name: {}, mountPath: {place}}}\n", name(place)));
    }
    text.push_str("  volumes:\n");
    for place in temporary {
        text.push_str(&format!("  - {{name: {}, emptyDir: {{}}}}\n", name(place)));
    }
}
