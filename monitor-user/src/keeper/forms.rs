//! Types of ours and their forms on the wire.

use std::time::Duration;

use monitor_common::{Program, RecordKind};

use super::wire;
use crate::{
    bpf::{
        hooks::Backend,
        planner::{Choice, Chosen, Plan, Planned, Refusal},
    },
    enrich::hashes::{FileKey, HashQuestion},
    metadata::containerd::{Question, Record},
    packages::{self, DatabaseFile, Databases, Find as _, PackageQuestion},
};

pub(super) fn only(choice: Choice) -> Option<u8> {
    match choice {
        Choice::Auto => None,
        Choice::Only(backend) => Some(number(backend)),
    }
}

pub(super) fn choice(only: Option<u8>) -> Choice {
    only.and_then(backend).map_or(Choice::Auto, Choice::Only)
}

fn number(backend: Backend) -> u8 {
    let place = Backend::ALL.iter().position(|it| *it == backend);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
}

fn backend(number: u8) -> Option<Backend> {
    Backend::ALL.get(usize::from(number)).copied()
}

impl From<&Plan> for wire::Plan {
    fn from(plan: &Plan) -> Self {
        let chosen = |it: &Chosen| {
            let programs = it.programs.iter().map(|(program, fired)| (*program as u32, *fired));
            (number(it.backend), programs.collect(), it.blind.clone())
        };
        let refused = |it: &Refusal| (number(it.backend), it.why.clone());
        let planned = |it: &Planned| wire::Planned {
            kind: it.kind as u16,
            chosen: it.chosen.as_ref().map(chosen),
            refused: it.refused.iter().map(refused).collect(),
        };
        plan.hooks.iter().map(planned).collect()
    }
}

/// The plan; what another version of the programs knows is left out.
pub(super) fn plan(form: wire::Plan) -> Plan {
    let program = |(number, fired)| Some((Program::try_from(number).ok()?, fired));
    let chosen = |(number, programs, blind): wire::Chosen| {
        let programs = programs.into_iter().filter_map(program).collect();
        Some(Chosen { backend: backend(number)?, programs, blind })
    };
    let refused = |(number, why)| Some(Refusal { backend: backend(number)?, why });
    let planned = |it: wire::Planned| {
        Some(Planned {
            kind: RecordKind::try_from(it.kind).ok()?,
            chosen: it.chosen.and_then(chosen),
            refused: it.refused.into_iter().filter_map(refused).collect(),
        })
    };
    Plan { hooks: form.into_iter().filter_map(planned).collect(), canary_pids: Vec::new() }
}

impl From<&HashQuestion> for wire::Question {
    fn from(question: &HashQuestion) -> Self {
        let HashQuestion { key, magic, path, pid, exec_ns, ancestors, mtime_ns, .. } = question;
        let FileKey { major, minor, inode, ctime_ns, size } = *key;
        Self {
            key: ((major, minor), inode, ctime_ns, size),
            magic: *magic,
            path: path.as_ref().map(|path| path.to_vec()),
            pid: *pid,
            exec_ns: *exec_ns,
            ancestors: ancestors.clone(),
            mtime_ns: *mtime_ns,
        }
    }
}

impl From<Question<'_>> for wire::Asked {
    fn from(question: Question<'_>) -> Self {
        let Question { socket, namespace, name, layers, within } = question;
        Self {
            socket: socket.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            layers: layers.to_owned(),
            within_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

impl wire::Asked {
    pub(super) fn question(&self) -> Question<'_> {
        let within = Duration::from_millis(self.within_ms.into());
        let Self { socket, namespace, name, layers, .. } = self;
        Question { socket, namespace, name, layers, within }
    }
}

impl From<&PackageQuestion> for wire::PackageAsked {
    fn from(question: &PackageQuestion) -> Self {
        let PackageQuestion { key, magic, path, viewers, since_ns } = question;
        let FileKey { major, minor, inode, ctime_ns, size } = *key;
        Self {
            key: ((major, minor), inode, ctime_ns, size),
            magic: *magic,
            path: path.to_vec(),
            viewers: viewers.clone(),
            since_ns: *since_ns,
        }
    }
}

impl From<wire::PackageAsked> for PackageQuestion {
    fn from(asked: wire::PackageAsked) -> Self {
        let wire::PackageAsked { key, magic, path, viewers, since_ns } = asked;
        let ((major, minor), inode, ctime_ns, size) = key;
        let key = FileKey { major, minor, inode, ctime_ns, size };
        Self { key, magic, path: path.into(), viewers, since_ns }
    }
}

/// What is found of databases of packages here.
pub(super) fn databases(question: &PackageQuestion, known: &[u64]) -> wire::Answer {
    let found = packages::Direct.find(question, known).map(|found| Box::new(found.into()));
    wire::Answer::Databases(found.map_err(|reason| reason.name().to_owned()))
}

impl From<Databases> for wire::Databases {
    fn from(found: Databases) -> Self {
        let Databases { fingerprint, is_changed, has_unread, files } = found;
        // As text it is many times faster on the way; what is none is no path of a package.
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let pair = |DatabaseFile { name, bytes }| (name, text(bytes));
        let files = files.map(|files| files.into_iter().map(pair).collect());
        Self { fingerprint, is_changed, has_unread, files }
    }
}

impl From<wire::Databases> for Databases {
    fn from(found: wire::Databases) -> Self {
        let wire::Databases { fingerprint, is_changed, has_unread, files } = found;
        let file = |(name, text): (_, String)| DatabaseFile { name, bytes: text.into_bytes() };
        let files = files.map(|files| files.into_iter().map(file).collect());
        Self { fingerprint, is_changed, has_unread, files }
    }
}

impl From<Record> for wire::Record {
    fn from(record: Record) -> Self {
        let Record { image, runtime, name, layers, labels, annotations } = record;
        Self { image, runtime, name, layers, labels, annotations }
    }
}

impl From<wire::Record> for Record {
    fn from(record: wire::Record) -> Self {
        let wire::Record { image, runtime, name, layers, labels, annotations } = record;
        Self { image, runtime, name, layers, labels, annotations }
    }
}

impl From<wire::Question> for HashQuestion {
    fn from(asked: wire::Question) -> Self {
        let wire::Question { key, magic, path, pid, exec_ns, ancestors, mtime_ns } = asked;
        let ((major, minor), inode, ctime_ns, size) = key;
        let key = FileKey { major, minor, inode, ctime_ns, size };
        let path = path.map(Into::into);
        let (keep, known) = (false, None);
        Self { key, magic, path, pid, exec_ns, ancestors, mtime_ns, keep, known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_as_it_was_sent() {
        let sent = Plan {
            hooks: vec![
                Planned {
                    kind: RecordKind::Connect,
                    chosen: Some(Chosen {
                        backend: Backend::Fallback,
                        programs: vec![(Program::Connect4, Some(true)), (Program::Connect6, None)],
                        blind: vec!["much".to_owned()],
                    }),
                    refused: vec![Refusal { backend: Backend::Fentry, why: "no".to_owned() }],
                },
                Planned { kind: RecordKind::Exec, chosen: None, refused: Vec::new() },
            ],
            canary_pids: Vec::new(),
        };
        assert_eq!(plan((&sent).into()), sent);
        for backend in Backend::ALL {
            assert_eq!(choice(only(Choice::Only(backend))), Choice::Only(backend));
        }
        assert_eq!(choice(only(Choice::Auto)), Choice::Auto);
    }

    #[test]
    fn a_question_comes_as_it_was_sent() {
        let key = FileKey { major: 1, minor: 2, inode: 3, ctime_ns: -4, size: 5 };
        let (path, ancestors) = (Some(b"/a".as_slice().into()), vec![7, 8]);
        let (mtime_ns, keep, known) = (-11, false, None);
        let sent = HashQuestion {
            key,
            magic: 6,
            path,
            pid: 9,
            exec_ns: 10,
            ancestors,
            mtime_ns,
            keep,
            known,
        };
        assert_eq!(HashQuestion::from(wire::Question::from(&sent)), sent);
    }
}
