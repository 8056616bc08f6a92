use std::{
    io::{self, Write},
    sync::Mutex,
    time::Duration,
};

use super::*;
use crate::{
    decode::decode,
    document::Heartbeat,
    enrich::{Enriched, Enricher},
    env::EnvKeys,
    records::{ProgramStart, Who},
    rules::schema::SCHEMA,
};

const PATIENCE: Duration = Duration::from_secs(5);

fn sender() -> Sender {
    let text = String::new;
    Sender {
        node: Arc::default(),
        boot_id: text(),
        run_id: text(),
        instance: text(),
        history: false,
    }
}

pub(super) fn fanout() -> Fanout {
    Fanout::new(sender())
}

pub(super) fn options(schema: Schema) -> SinkOptions {
    SinkOptions {
        name: "test".to_owned(),
        schema,
        events: true,
        condition: None,
        redaction: Redaction::default(),
        heartbeats: true,
        minimum: Priority::Debug,
        queue: 1000,
        queue_bytes: 1 << 20,
    }
}

pub(super) fn heartbeat(sequence: u64) -> Document {
    Document::Heartbeat(Arc::new(Heartbeat { sequence, ..Heartbeat::default() }))
}

pub(super) fn finish(fanout: Fanout) -> Ended {
    fanout.finish(PATIENCE).remove(0)
}

/// The law of every sink, once it has ended.
#[track_caller]
pub(super) fn counts(ended: &Ended, delivered: u64, filtered: u64, dropped: u64) {
    let SinkCounters { offered, delivered: d, filtered: f, dropped: lost, .. } = ended.counters;
    assert_eq!((d, f, lost), (delivered, filtered, dropped), "{ended:?}");
    assert_eq!(offered, d + f + lost);
}

fn store_in(folder: &crate::records::folder::Folder) -> StoreOptions {
    StoreOptions {
        path: folder.path().join("store"),
        owner: None,
        bytes_max: 4 << 20,
        segment_bytes: 1 << 20,
        history: false,
        boot_id: "b".to_owned(),
        new_id: "s".to_owned(),
    }
}

fn take_all(mut intake: Intake) {
    while intake.receive_one().is_some() {
        intake.done(true);
    }
}

fn started(program: &str, args: &[u8]) -> Document {
    let record = ProgramStart::new(program, args).exec(Who::new(10)).bytes();
    let mut enricher = Enricher::new(1 << 20, 0, EnvKeys::default());
    let Enriched::Event(event) = enricher.enrich(decode(&record).unwrap()) else { panic!() };
    Document::Event(event.into())
}

/// Only what the condition holds for is told, and not what is kept back of it.
#[test]
fn a_sink_gets_its_part() {
    let condition = Condition::compile(&SCHEMA, "t", "proc.name = x and evt.type = execve");
    let patterns = vec![redaction::pattern("-p(\\S+)").unwrap()];
    let routed = SinkOptions {
        condition: condition.ok().map(Arc::new),
        redaction: Redaction::new(patterns, vec!["process.args".to_owned()], Vec::new()),
        ..options(Schema::Ecs)
    };
    let (give, given) = std::sync::mpsc::channel();
    let mut fanout = fanout();
    fanout
        .add(routed, move |mut intake: Intake| {
            while let Some(lines) = intake.receive_one() {
                give.send(String::from_utf8(lines.concat()).unwrap()).unwrap();
                intake.done(true);
            }
        })
        .unwrap();
    fanout.offer(started("/bin/y", b"y\0-psecret\0"));
    fanout.offer(started("/bin/x", b"x\0-psecret\0"));
    counts(&finish(fanout), 1, 1, 0);
    let told: Vec<String> = given.iter().collect();
    assert!(told[0].contains("-p(redacted)") && !told[0].contains("secret"), "{told:?}");
    assert!(told[0].contains(r#""delivery""#) && !told[0].contains(r#""args":["x""#), "{told:?}");
}

#[test]
fn what_has_no_lines_is_filtered() {
    let mut fanout = fanout();
    fanout.add(options(Schema::Text { colour: false }), take_all).unwrap();
    // Nothing was lost: people are shown nothing.
    (1..=3).for_each(|number| fanout.offer(heartbeat(number)));
    counts(&finish(fanout), 0, 3, 0);
}

#[test]
fn the_queue_has_a_bound_in_bytes() {
    let mut fanout = fanout();
    let one = estimate::bytes(&heartbeat(1));
    let (go, gone) = std::sync::mpsc::sync_channel::<()>(0);
    let few = SinkOptions { queue_bytes: 3 * one, ..options(Schema::Ecs) };
    fanout
        .add(few, move |intake| {
            // It ends when the other side goes.
            gone.recv().unwrap_err();
            take_all(intake);
        })
        .unwrap();
    (1..=5).for_each(|number| fanout.offer(heartbeat(number)));
    assert_eq!(fanout.counters()[0].dropped, 2);
    drop(go);
    while fanout.counters()[0].queued() > 0 {
        std::thread::yield_now();
    }
    // There is room again.
    fanout.offer(heartbeat(6));
    counts(&finish(fanout), 4, 0, 2);
}

#[test]
fn long_command_lines_are_what_fills_it() {
    let bytes = |args: &[u8]| estimate::bytes(&started("/bin/x", args));
    let (short, long) = (bytes(b"x\0"), bytes(&[b'x'; 16_384]));
    assert!(short < 4096 && long - short > 16_000, "{short} {long}");
}

#[test]
fn a_task_that_died_loses_what_waited() {
    let mut fanout = fanout();
    fanout
        .add(options(Schema::Ecs), |mut intake: Intake| {
            intake.receive_one().unwrap();
            panic!("this sink is broken");
        })
        .unwrap();
    (1..=3).for_each(|number| fanout.offer(heartbeat(number)));
    let ended = finish(fanout);
    assert!(ended.died);
    counts(&ended, 0, 0, 3);
}

/// Nothing of the daemon panics, and if it does all the same that is known while it goes on.
#[test]
fn tasks_that_are_gone_are_known() {
    let folder = crate::records::folder::Folder::new("gone");
    let mut fanout = fanout();
    fanout
        .add(options(Schema::Ecs), |mut intake: Intake| {
            intake.receive_one().unwrap();
            std::panic::resume_unwind(Box::new("this sink is broken"));
        })
        .unwrap();
    let stored = SinkOptions { name: "stored".to_owned(), ..options(Schema::Ecs) };
    fanout.add_stored(stored, take_all);
    assert!(fanout.open_store(store_in(&folder)).unwrap().is_none());
    assert_eq!(fanout.gone(), [""; 0]);
    let becomes = |fanout: &Fanout, gone: &[&str]| {
        let until = std::time::Instant::now() + PATIENCE;
        while fanout.gone() != gone && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(fanout.gone(), gone);
    };
    fanout.offer(heartbeat(1));
    becomes(&fanout, &["sink test"]);
    fanout.store.as_ref().unwrap().fail();
    // Its sinks get nothing any more, and end.
    becomes(&fanout, &["sink test", "sink stored", "store"]);
    let dropped = |fanout: &Fanout| fanout.counters().iter().map(|it| it.dropped).sum::<u64>();
    let before = dropped(&fanout);
    fanout.offer(heartbeat(2));
    assert_eq!(dropped(&fanout), before + 2);
    finish(fanout);
}

/// Takes, or fails, as it is told; then takes everything.
#[derive(Clone)]
pub(super) struct Moody {
    moods: Arc<Mutex<Vec<io::Result<usize>>>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Moody {
    pub(super) fn new(moods: Vec<io::Result<usize>>) -> Self {
        Self { moods: Arc::new(Mutex::new(moods)), taken: Arc::default() }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Moody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut moods = self.moods.lock().unwrap();
        let count = if moods.is_empty() { bytes.len() } else { moods.remove(0)? };
        self.taken.lock().unwrap().extend(&bytes[..count.min(bytes.len())]);
        Ok(count.min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_was_cut_is_ended_before_the_next() {
    let full = || Err(io::ErrorKind::StorageFull.into());
    let output = Moody::new(vec![Ok(2), full(), full(), Ok(1), full()]);
    let mut lines = lines::Lines::new(output.clone());
    let mut put = |text: &str| lines.write(&[text.as_bytes().to_vec()]).is_ok();
    assert_eq!(["first", "second", "third", "fourth"].map(&mut put), [false, false, false, true]);
    assert_eq!(output.text(), "fi\nfourth\n");
}

#[test]
fn only_a_closed_output_is_closed_for_good() {
    let run = |error: io::ErrorKind| {
        let output = Moody::new(vec![Err(error.into())]);
        let mut fanout = fanout();
        let on = output.clone();
        fanout.add(options(Schema::Ecs), move |intake| stdout::run_on(intake, on, || {})).unwrap();
        (1..=3).for_each(|number| fanout.offer(heartbeat(number)));
        (finish(fanout), output.text().lines().count())
    };
    let (ended, lines) = run(io::ErrorKind::StorageFull);
    counts(&ended, 2, 0, 1);
    assert_eq!(lines, 2);
    let (ended, lines) = run(io::ErrorKind::BrokenPipe);
    counts(&ended, 0, 0, 3);
    assert_eq!(lines, 0);
}

/// A document without lines is not done with before those in front of it are.
#[test]
fn what_was_received_and_not_done_with_comes_again() {
    let folder = crate::records::folder::Folder::new("sink-order");
    let store = || crate::store::StoreOptions {
        path: folder.path().to_owned(),
        owner: None,
        bytes_max: 1 << 20,
        segment_bytes: 64 << 10,
        history: false,
        boot_id: "b".to_owned(),
        new_id: "s".to_owned(),
    };
    let finding = |sequence| {
        let (name, text) = ("n", "t".to_owned());
        let priority = Priority::Error;
        Document::Finding(Arc::new(document::Finding {
            sequence,
            timestamp_ns: 1,
            name,
            priority,
            text,
            container: None,
        }))
    };
    let mut first = fanout();
    let (got, taken) = std::sync::mpsc::sync_channel(1);
    first.add_stored(options(Schema::Text { colour: false }), move |mut intake| {
        got.send(intake.receive(3).unwrap().len()).unwrap();
        // It ends with all of it in its hands.
        intake.receive(1);
    });
    // All at once, so that they come as one.
    first.hold();
    assert!(first.open_store(store()).unwrap().is_none());
    (1..=2).for_each(|number| first.offer(finding(number)));
    first.offer(heartbeat(1));
    first.offer(finding(3));
    first.begin();
    assert!(taken.recv().unwrap() > 0);
    finish(first);
    let mut second = fanout();
    second.add_stored(options(Schema::Text { colour: false }), take_all);
    assert!(second.open_store(store()).unwrap().is_none());
    let ended = finish(second);
    assert_eq!(ended.counters.delivered, 3, "{ended:?}");
}

/// A sink that begins may ask the store before that has heard that it is there.
#[test]
fn sinks_that_are_changed_again_and_again_are_all_answered() {
    let folder = crate::records::folder::Folder::new("changed-often");
    let mut fanout = fanout();
    for number in 1..=300 {
        let (got, taken) = std::sync::mpsc::sync_channel(1);
        fanout.add_stored(options(Schema::Ecs), move |mut intake: Intake| {
            // What was told before is gone: whoever waits sees that this did not come.
            got.send(intake.receive_one().is_some()).unwrap_or_default();
            intake.done(true);
            take_all(intake);
        });
        assert!(fanout.open_store(store_in(&folder)).unwrap().is_none());
        fanout.offer(heartbeat(number));
        assert!(matches!(taken.recv_timeout(PATIENCE), Ok(true)), "change {number}");
        fanout.retire(PATIENCE, &[]);
    }
}
