use std::fs;

use monitor_rules::Priority;

use super::*;
use crate::{
    container::Container,
    records::folder::Folder,
    state::{Assessment, Ledger, Status},
};

static CHECK: Check =
    Check { id: "a.check", title: "", priority: Priority::Error, standards: &[], cure: "" };

fn open(dir: &Path) -> (Paper, Before) {
    let owner = nix::unistd::geteuid().as_raw();
    Paper::open(dir, owner, ("n1", "b1"), &[&CHECK]).unwrap()
}

fn page() -> Page {
    let mut ledger = Ledger::new(Priority::Debug).on("n1");
    let (check, text) = (&CHECK, "x".to_owned());
    let found = Assessment { check, status: Status::Fail, text, evidence: Vec::new() };
    ledger.take(&Arc::new(Container::host()), vec![found], 1);
    Page { findings: ledger.kept(2), now_ns: 2, is_last: true }
}

fn until(what: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !what() {
        assert!(begun.elapsed().as_secs() < 20);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn what_is_open_outlives_the_daemon() {
    let dir = Folder::new("open-findings-outlives");
    let (paper, before) = open(dir.path());
    assert!(before.findings.is_empty() && before.said.is_none());
    paper.finish(page());
    let (paper, before) = open(dir.path());
    assert_eq!((before.findings.len(), before.is_same_boot), (1, true));
    let busy = Paper::open(dir.path(), 0, ("n1", "b1"), &[]).unwrap_err();
    assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    drop(paper);
}

#[test]
fn what_cannot_be_read_is_said_and_written_anew() {
    let dir = Folder::new("open-findings-unread");
    let file = dir.path().join(FILE);
    let outside = dir.path().join("outside");
    fs::write(&outside, "outside").unwrap();
    let make: [&dyn Fn(); 4] = [
        &|| fs::write(&file, "no findings").unwrap(),
        &|| fs::write(&file, b"\xff\xfe").unwrap(),
        &|| fs::File::create(&file).unwrap().set_len(STATE_BYTES + 1).unwrap(),
        &|| std::os::unix::fs::symlink(&outside, &file).unwrap(),
    ];
    for make in make {
        drop(fs::remove_file(&file));
        make();
        let (paper, before) = open(dir.path());
        assert!(before.findings.is_empty());
        assert!(before.said.unwrap().contains("cannot be used, and is written anew"));
        paper.finish(page());
        let (paper, before) = open(dir.path());
        assert_eq!(before.findings.len(), 1);
        paper.finish(page());
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside");
}

#[test]
fn what_cannot_be_written_is_counted_and_can_be_later() {
    let dir = Folder::new("open-findings-unwritten");
    let (paper, _) = open(dir.path());
    let in_the_way = dir.path().join(DRAFT);
    fs::create_dir(&in_the_way).unwrap();
    assert!(paper.put(page()));
    until(|| paper.failed() == 1);
    fs::remove_dir(&in_the_way).unwrap();
    until(|| paper.put(page()));
    until(|| paper.written() == 1);
    drop(paper);
}
