use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{Pace, file};
use crate::{
    enrich::hashes::{FileKey, HashQuestion},
    event::{Fact, Reason},
    limits::{HASH_BURST_BYTES, HASH_BYTES_PER_SECOND},
};

/// A folder with a program that waits for its standard input to end.
struct Program {
    folder: PathBuf,
    path: PathBuf,
}

impl Program {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hasher-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("program");
        fs::copy("/bin/cat", &path).unwrap();
        Self { folder, path }
    }

    fn start(&self) -> Running {
        let started = Command::new(&self.path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Running(started.unwrap())
    }

    /// About a start some time after the file was changed.
    fn question(&self, pid: u32) -> HashQuestion {
        std::thread::sleep(Duration::from_millis(30));
        let meta = fs::metadata(&self.path).unwrap();
        HashQuestion {
            key: FileKey {
                major: nix::sys::stat::major(meta.dev()).try_into().unwrap(),
                minor: nix::sys::stat::minor(meta.dev()).try_into().unwrap(),
                inode: meta.ino(),
                ctime_ns: meta.ctime() * 1_000_000_000 + meta.ctime_nsec(),
                size: meta.size(),
            },
            magic: 0xef53,
            path: Some(self.path.to_str().unwrap().as_bytes().into()),
            pid,
            exec_ns: crate::live::boottime_ns(),
            ancestors: vec![std::process::id()],
            mtime_ns: meta.mtime() * 1_000_000_000 + meta.mtime_nsec(),
            keep: false,
            known: None,
        }
    }

    fn digest(&self) -> String {
        digest(&fs::read(&self.path).unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// No process has it.
const NOBODY: u32 = u32::MAX;

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(question: &HashQuestion) -> Result<String, Reason> {
    answer(question, 1 << 30)
}

fn answer(question: &HashQuestion, bytes_max: u64) -> Result<String, Reason> {
    match file::hash(question, bytes_max, None, &mut |_| {}) {
        Fact::Known(hash, _) => Ok(hash.to_string()),
        Fact::Unknown(reason) => Err(reason),
    }
}

#[test]
fn a_file_is_found_by_its_process_or_by_its_path() {
    let program = Program::new("found");
    let running = program.start();
    let mut question = program.question(running.0.id());
    let expected = Ok(program.digest());
    assert_eq!(hash(&question), expected);
    question.pid = NOBODY;
    assert_eq!(hash(&question), expected);
    question.path = None;
    assert_eq!(hash(&question), Err(Reason::Gone));
    question.pid = running.0.id();
    assert_eq!(hash(&question), expected);
}

#[test]
fn a_removed_file_is_found_while_its_process_runs() {
    let program = Program::new("removed");
    let running = program.start();
    let expected = program.digest();
    fs::hard_link(&program.path, program.folder.join("kept")).unwrap();
    fs::remove_file(program.folder.join("kept")).unwrap();
    let mut question = program.question(running.0.id());
    fs::remove_file(&program.path).unwrap();
    // Taking its last name away is a change of its inode too.
    assert_eq!(hash(&question), Err(Reason::Changed));
    let meta = fs::metadata(format!("/proc/{}/exe", running.0.id())).unwrap();
    question.key.ctime_ns = meta.ctime() * 1_000_000_000 + meta.ctime_nsec();
    assert_eq!(hash(&question), Ok(expected));
}

#[test]
fn a_file_that_was_executed_at_once_must_still_run() {
    let program = Program::new("fresh");
    let running = program.start();
    let mut question = program.question(running.0.id());
    // As if it had been written just before.
    let age = crate::live::clock_offset_ns().saturating_add_unsigned(question.exec_ns);
    let age = age.saturating_sub(question.key.ctime_ns);
    question.exec_ns -= age.unsigned_abs() - 1_000_000;
    assert_eq!(hash(&question), Ok(program.digest()));
    drop(running);
    assert_eq!(hash(&question), Err(Reason::Changed));
}

#[test]
fn another_file_is_never_taken_for_it() {
    let program = Program::new("other");
    let question = program.question(NOBODY);
    let expected = program.digest();
    assert_eq!(hash(&question), Ok(expected));
    // Of the same size: only the time of the change tells.
    let size = fs::metadata(&program.path).unwrap().len();
    loop {
        fs::write(&program.path, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
        if program.question(NOBODY).key != question.key {
            break;
        }
    }
    assert_eq!(hash(&question), Err(Reason::Changed));
    // Another inode has taken the name.
    fs::write(program.folder.join("new"), b"new").unwrap();
    fs::rename(program.folder.join("new"), &program.path).unwrap();
    assert_eq!(hash(&question), Err(Reason::Gone));
    // A process that runs something else, as one that got the number later.
    let other = HashQuestion { pid: std::process::id(), path: None, ..question };
    assert_eq!(hash(&other), Err(Reason::Gone));
}

#[test]
fn a_change_while_it_is_read_is_noticed() {
    let program = Program::new("changing");
    let question = program.question(NOBODY);
    let mut turn = 0;
    let found = file::hash(&question, 1 << 30, None, &mut |_| {
        turn += 1;
        if turn == 1 {
            fs::set_permissions(&program.path, fs::Permissions::from_mode(0o700)).unwrap();
        }
    });
    assert_eq!(found, Fact::Unknown(Reason::Changed));
    assert!(turn > 1);
}

#[test]
fn links_are_not_followed_and_what_is_no_file_is_not_opened() {
    let program = Program::new("links");
    let mut question = program.question(NOBODY);
    let aside = program.folder.join("aside");
    fs::create_dir(&aside).unwrap();
    std::os::unix::fs::symlink(&program.folder, aside.join("there")).unwrap();
    let through = aside.join("there/program");
    question.path = Some(through.to_str().unwrap().as_bytes().into());
    assert_eq!(hash(&question), Err(Reason::Gone));
    let pipe = program.folder.join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    question.path = Some(pipe.to_str().unwrap().as_bytes().into());
    assert_eq!(hash(&question), Err(Reason::Gone));
}

#[test]
fn what_must_not_be_read_is_not() {
    let program = Program::new("limits");
    let mut question = program.question(NOBODY);
    let size = question.key.size;
    assert_eq!(answer(&question, size), Ok(program.digest()));
    assert_eq!(answer(&question, size - 1), Err(Reason::TooLarge));
    // FUSE.
    question.magic = 0x6573_5546;
    assert_eq!(answer(&question, size), Err(Reason::Remote));
}

/// The hash, if all of the content came along with it.
fn copy(question: &HashQuestion) -> Result<String, Reason> {
    let mut content = Vec::new();
    let mut take = |piece: &[u8]| {
        content.extend_from_slice(piece);
        true
    };
    match file::hash(question, 1 << 30, Some(&mut take), &mut |_| {}) {
        Fact::Known(hash, _) => {
            assert_eq!(*hash, *digest(&content));
            Ok(hash.to_string())
        }
        Fact::Unknown(reason) => Err(reason),
    }
}

#[test]
fn a_program_that_removes_itself_is_copied_while_it_runs() {
    let program = Program::new("itself");
    let running = program.start();
    let (expected, mut question) = (program.digest(), program.question(running.0.id()));
    assert_eq!(copy(&question), Ok(expected.clone()));
    fs::rename(&program.path, program.folder.join("elsewhere")).unwrap();
    assert_eq!(copy(&question), Ok(expected.clone()));
    fs::remove_file(program.folder.join("elsewhere")).unwrap();
    assert_eq!((copy(&question), hash(&question)), (Ok(expected), Err(Reason::Changed)));
    // Another content is another program.
    question.mtime_ns += 1;
    assert_eq!(copy(&question), Err(Reason::Changed));
    question.mtime_ns -= 1;
    drop(running);
    assert_eq!(copy(&question), Err(Reason::Gone));
}

#[test]
fn by_its_path_only_a_program_is_copied_and_only_as_it_was() {
    let program = Program::new("secret");
    let question = program.question(NOBODY);
    assert_eq!(copy(&question), Ok(program.digest()));
    fs::set_permissions(&program.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(copy(&question), Err(Reason::Changed));
    let question = program.question(NOBODY);
    assert_eq!(hash(&question), Ok(program.digest()));
    assert_eq!(copy(&question), Err(Reason::NotPermitted));
}

#[test]
fn who_has_enough_of_a_copy_gets_the_hash() {
    let program = Program::new("enough");
    let question = program.question(NOBODY);
    let mut pieces = 0;
    let mut take = |_: &[u8]| {
        pieces += 1;
        false
    };
    let found = file::hash(&question, 1 << 30, Some(&mut take), &mut |_| {});
    assert_eq!((found.known().map(|it| it.to_string()), pieces), (Some(program.digest()), 1));
}

#[test]
fn reading_goes_at_a_bounded_pace() {
    let mut pace = Pace::new();
    let begun = Instant::now();
    pace.since = begun;
    assert_eq!(pace.owed(HASH_BURST_BYTES, begun), Duration::ZERO);
    assert_eq!(pace.owed(HASH_BYTES_PER_SECOND, begun), Duration::from_secs(1));
    assert_eq!(pace.owed(HASH_BYTES_PER_SECOND, begun), Duration::from_secs(1));
    // Both were waited for; a second more is worth as much again.
    let later = begun + Duration::from_secs(3);
    assert_eq!(pace.owed(HASH_BYTES_PER_SECOND, later), Duration::ZERO);
    assert_eq!(pace.owed(HASH_BYTES_PER_SECOND / 2, later), Duration::from_millis(500));
    // A long rest earns no more than the burst.
    let rested = later + Duration::from_secs(3600);
    assert_eq!(pace.owed(HASH_BURST_BYTES + HASH_BYTES_PER_SECOND, rested), Duration::from_secs(1));
}
