//! How the host is set up, as the keeper tells of it and as who parses that asks for it: files as
//! they are, of those that [`crate::posture::host`] says are told of at all.

use super::{
    Allowed, Kept,
    answers::{of_io, out_of_place},
    archive::not_allowed,
    wire::{Answer, Request},
};
use crate::{
    host::in_initial_pid_namespace,
    posture::{
        host::{self, Directory, Looked, Question, Root},
        listeners,
    },
};

/// Questions in one request.
const AT_ONCE: usize = 256;
/// Bytes of files in one answer.
const ANSWER_BYTES: u64 = 64 << 20;

/// Opens the root of the host, or the one that was named, in place of the one before: what daemons
/// were told of counts for one look.
pub(super) fn open(directory: &mut Option<Directory>, allowed: &Allowed) -> Answer {
    *directory = None;
    let opened = match &allowed.root {
        Some(root) => Directory::at(root).map(|opened| (opened, Ok(None))),
        // What would be looked at is a container.
        None if !in_initial_pid_namespace() => Err(not_allowed()),
        None => Directory::of_host().map(|opened| (opened, listeners::of_host().map(Some))),
    };
    match opened {
        Ok((opened, listeners)) => {
            let sockets: Vec<String> =
                allowed.sockets.iter().filter_map(|it| it.to_str().map(str::to_owned)).collect();
            *directory = Some(opened.naming(&sockets));
            Answer::Host(listeners)
        }
        Err(error) => of_io(&error),
    }
}

/// Answers what is asked about it.
pub(super) fn answer(directory: Option<&Directory>, questions: &[Question]) -> Answer {
    let bytes = questions.iter().fold(0_u64, |sum, it| sum.saturating_add(it.most()));
    match directory {
        None => of_io(&not_allowed()),
        Some(_) if questions.len() > AT_ONCE || bytes > ANSWER_BYTES => out_of_place(),
        Some(directory) => Answer::OfHost(directory.ask_all(questions)),
    }
}

impl Kept {
    fn of_host(&self, questions: &[Question]) -> Vec<Looked<host::Answer>> {
        let why = match self.ask(&Request::OfHost(questions.to_vec())) {
            Ok((Answer::OfHost(answers), _)) if answers.len() == questions.len() => return answers,
            Ok((answer, _)) => super::kept::error_of(answer).to_string(),
            Err(error) => format!("the keeper does not answer: {error}"),
        };
        questions.iter().map(|_| Err(why.clone())).collect()
    }
}

impl Root for Kept {
    fn ask_all(&self, questions: &[Question]) -> Vec<Looked<host::Answer>> {
        let mut answers = Vec::with_capacity(questions.len());
        let (mut from, mut bytes) = (0, 0_u64);
        for (at, question) in questions.iter().enumerate() {
            let more = bytes.saturating_add(question.most());
            if at - from >= AT_ONCE || more > ANSWER_BYTES {
                answers.extend(self.of_host(questions.get(from..at).unwrap_or_default()));
                (from, bytes) = (at, 0);
            }
            bytes = bytes.saturating_add(question.most());
        }
        answers.extend(self.of_host(questions.get(from..).unwrap_or_default()));
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::{fs::PermissionsExt as _, net::UnixStream},
        thread,
    };

    use super::{super::wire::Pipe, *};
    use crate::{records::folder::Folder, state::Assessment};

    /// A keeper of one root: how often it is asked.
    fn keeper(allowed: Allowed) -> (Kept, thread::JoinHandle<usize>) {
        let (one, other) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let (pipe, mut directory, mut asked) = (Pipe::new(other), None, 0);
            while let Ok(Some((request, _))) = pipe.receive::<Request>() {
                asked += 1;
                let answer = match request {
                    Request::Host => open(&mut directory, &allowed),
                    Request::OfHost(questions) => answer(directory.as_ref(), &questions),
                    other => panic!("{other:?}"),
                };
                pipe.send(&answer, &[], None).unwrap();
            }
            asked
        });
        (Kept::new(one), serving)
    }

    /// A root with settings that are wrong, and a file that is nobody's business.
    fn root() -> Folder {
        let folder = Folder::new("keeper-host");
        for (path, text) in [
            ("etc/ssh/sshd_config", "Include more/*.conf\n"),
            ("etc/ssh/more/x.conf", "PermitRootLogin yes\n"),
            ("usr/sbin/sshd", ""),
            ("etc/docker/daemon.json", r#"{"icc": true}"#),
            ("etc/shadow", "root:x\n"),
            ("srv/own.sock", ""),
            ("srv/other.sock", ""),
            ("proc/7/maps", "7f00-7f01 r-xp 0 fe:00 9  /usr/lib/a b.so\nbroken\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let anybody = fs::Permissions::from_mode(0o666);
        fs::set_permissions(folder.path().join("srv/own.sock"), anybody).unwrap();
        folder
    }

    #[test]
    fn who_has_no_privileges_judges_what_the_keeper_hands_out() {
        use crate::posture::observed::Look as _;
        let folder = root();
        // The keeper knows one of them only, by its own configuration.
        let sockets = ["/srv/own.sock", "/srv/other.sock"].map(str::to_owned);
        let named = Allowed {
            root: Some(folder.path().to_owned()),
            sockets: vec!["/srv/own.sock".into()],
            ..Allowed::default()
        };
        let (mut kept, serving) = keeper(named);
        let answers: Vec<Assessment> = host::assess(&kept.look_at_host(&sockets).unwrap());
        let directory = Directory::at(folder.path()).unwrap().naming(&sockets);
        let facts = host::read(&directory, &sockets, Ok(None), host::now());
        assert_eq!(answers, host::assess(&facts));
        let of = |id: &str| &answers.iter().find(|it| it.check.id == id).unwrap().text;
        assert!(of("host.sshd.root_login").contains("yes"), "{answers:#?}");
        assert!(of("host.runtime_sockets").starts_with("/srv/own.sock: anybody"), "{answers:#?}");
        assert!(kept.stat("/srv/other.sock").is_err());
        let refused = kept.ask_all(&[
            Question::Bytes("/etc/shadow".to_owned(), 9),
            Question::Bytes("/etc/ssh/more/x.conf".to_owned(), 99),
        ]);
        assert!(refused[0].is_err() && refused[1].is_ok(), "{refused:?}");
        // Where something is in a process's memory helps only who wants to break in there.
        let maps = kept.bytes("proc/7/maps", 99).unwrap().unwrap();
        assert_eq!(maps, b"0-0 r-xp 0 fe:00 9  /usr/lib/a b.so\n0-0");
        let many = vec![Question::Stat("/etc/shadow".to_owned()); 3 * AT_ONCE + 1];
        assert!(kept.ask_all(&many).iter().all(|it| matches!(it, Ok(Some(_)))));
        drop(kept);
        assert!(serving.join().unwrap() > 4);
    }

    #[test]
    fn who_did_not_open_a_root_or_asks_for_too_much_is_told_nothing() {
        let folder = root();
        let (kept, _serving) =
            keeper(Allowed { root: Some(folder.path().to_owned()), ..Allowed::default() });
        let ask = |questions: Vec<Question>| kept.ask(&Request::OfHost(questions)).unwrap().0;
        let one = || Question::Bytes("/etc/group".to_owned(), 1 << 20);
        assert!(matches!(ask(vec![one()]), Answer::Refused(..)));
        assert!(matches!(kept.ask(&Request::Host).unwrap().0, Answer::Host(Ok(None))));
        assert!(matches!(ask(vec![one()]), Answer::OfHost(all) if all == [Ok(None)]));
        assert!(matches!(ask(vec![one(); 65]), Answer::Refused(..)), "too many bytes");
        let many = vec![Question::Stat("/etc".to_owned()); AT_ONCE + 1];
        assert!(matches!(ask(many), Answer::Refused(..)));
    }
}
