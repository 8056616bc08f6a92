//! Makes a recording smaller: some events, and what makes them look as they did.
//!
//! A record is kept as context where it changed what is known of a process that a chosen event
//! needs (its own, an ancestor, or who told a name or an address that it has), where it was the
//! first to tell of a container, and where it told such a name or address. Cgroups and facts about
//! containers are all kept: they are few.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::Read,
    net::IpAddr,
    path::Path,
};

use super::Damage;
use crate::{
    commands::explain_recording,
    decode::decode,
    enrich::{Enriched, Enricher, container::ContainerIndex, hashes::FileKey, peers},
    env::EnvKeys,
    event::{Action, Address, Event, EventId, ProcessKey},
    limits::{CUT_PROCESSES, EXITED_LINGER_NS, INCOMPLETE_NS},
    line::Input,
    raw_event::RawBody,
    source::recording::{Preamble, Reader, Writer},
};

/// Looks at the clock are kept that far apart, where nothing else tells the time: repeats of alerts
/// are gathered by it.
const CLOCK_NS: u64 = 1_000_000_000;

/// What the chosen events need, beside themselves.
#[derive(Default)]
pub(super) struct Needs {
    processes: HashSet<ProcessKey>,
    /// All are needed: there are too many to tell.
    all_processes: bool,
    files: HashSet<FileKey>,
    /// Addresses that they went to.
    addresses: HashSet<IpAddr>,
    names: bool,
    last_ns: u64,
}

impl Needs {
    /// Adds what one event needs.
    pub(super) fn add(&mut self, event: &Event) {
        self.processes.insert(event.process.key);
        self.files.extend(FileKey::of(&event.process));
        self.last_ns = self.last_ns.max(event.boottime_ns);
        self.names |= matches!(event.action, Action::DnsAnswer(_));
        if let Action::Connect(act) | Action::Send(act) | Action::Dup { socket: act, .. } =
            &event.action
            && let Address::Ip(address, _) = act.destination
        {
            self.names = true;
            self.addresses.insert(address.to_canonical());
        }
    }

    fn are_about(&self, key: ProcessKey) -> bool {
        self.all_processes || self.processes.contains(&key)
    }

    /// Whether an event told a name or an address that is needed.
    fn are_told_by(&self, event: &Event) -> bool {
        let address = peers::told_by(event);
        self.names && event.action.dns().is_some()
            || address.is_some_and(|it| self.addresses.contains(&it.to_canonical()))
    }

    /// Adds who told what is needed, and all ancestors.
    fn complete(&mut self, recording: &Path) -> anyhow::Result<()> {
        let mut reader = Reader::open(recording).map_err(explain_recording)?;
        let mut enricher = enricher_of(&reader.preamble);
        let mut parents: HashMap<ProcessKey, ProcessKey, ahash::RandomState> = HashMap::default();
        each(&mut reader, |input| {
            let (Input::Record(bytes) | Input::Context(bytes)) = input else {
                follow(&mut enricher, &input);
                return Ok(true);
            };
            let Ok(raw) = decode(bytes) else { return Ok(true) };
            let key = raw.task.key;
            parents.entry(key).or_insert(raw.task.parent);
            if let RawBody::Fork { child, .. } = raw.body {
                parents.insert(child, key);
            }
            if let Enriched::Event(event) = enricher.enrich(raw)
                && self.are_told_by(&event)
            {
                self.processes.insert(key);
            }
            drop(enricher.take_lookups());
            self.all_processes |= parents.len().max(self.processes.len()) > CUT_PROCESSES;
            Ok(!self.all_processes)
        })?;
        let mut open: Vec<ProcessKey> = self.processes.iter().copied().collect();
        while let Some(key) = open.pop() {
            let parent = parents.get(&key).copied();
            open.extend(parent.filter(|parent| self.processes.insert(*parent)));
        }
        Ok(())
    }
}

/// Writes a recording of the chosen events and what they need.
pub(super) fn write(
    recording: &Path,
    to: &Path,
    chosen: &HashSet<EventId>,
    mut needs: Needs,
) -> anyhow::Result<(Writer, Damage)> {
    needs.complete(recording)?;
    let mut reader = Reader::open(recording).map_err(explain_recording)?;
    // None of the canary's acts is chosen, and who else has its pid must not be taken for it.
    let mut preamble = reader.preamble.clone();
    preamble.canary_pids.clear();
    let mut cut = Cut {
        chosen,
        needs,
        enricher: enricher_of(&preamble),
        entered: HashSet::new(),
        exited: VecDeque::new(),
        now_ns: 0,
        told_ns: 0,
        writer: Writer::create(to, &preamble, u64::MAX).map_err(explain_recording)?,
    };
    let damage = each(&mut reader, |input| cut.take(&input))?;
    cut.tell_time()?;
    finish(cut.writer, &reader, damage)
}

/// Writes all of a recording, in blocks.
pub(super) fn copy(recording: &Path, to: &Path) -> anyhow::Result<(Writer, Damage)> {
    let mut reader = Reader::open(recording).map_err(explain_recording)?;
    let preamble = reader.preamble.clone();
    let mut writer = Writer::create(to, &preamble, u64::MAX).map_err(explain_recording)?;
    let damage = each(&mut reader, |input| {
        writer.append(&input)?;
        Ok(true)
    })?;
    finish(writer, &reader, damage)
}

fn finish<R: Read>(
    mut writer: Writer,
    reader: &Reader<R>,
    damage: Damage,
) -> anyhow::Result<(Writer, Damage)> {
    if reader.lost() > 0 {
        writer.note_lost(reader.lost())?;
    }
    writer.flush()?;
    Ok((writer, damage))
}

/// Calls `take` with one input after another until it says false.
fn each<R: Read>(
    reader: &mut Reader<R>,
    mut take: impl FnMut(Input<'_>) -> anyhow::Result<bool>,
) -> anyhow::Result<Damage> {
    let mut damage = Damage::default();
    loop {
        match reader.next() {
            Ok(Some(input)) => {
                if !take(input)? {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => damage.add(error),
        }
    }
    damage.see(reader);
    Ok(damage)
}

fn enricher_of(preamble: &Preamble) -> Enricher {
    let env_keys = EnvKeys::new(&preamble.env_keys);
    Enricher::new(super::table_bytes(preamble), preamble.clock_offset_ns, env_keys)
}

/// Takes in what is no record.
fn follow(enricher: &mut Enricher, input: &Input<'_>) {
    match input {
        Input::Cgroup(key, path) => enricher.add_cgroup(*key, path),
        Input::Facts(facts) => drop(enricher.learn(facts.clone())),
        // Nothing that is left out hangs on these.
        Input::Holder(_)
        | Input::Hash(_)
        | Input::Package(_)
        | Input::Syscalls(..)
        | Input::Time(_) => {}
        Input::Record(_) | Input::Context(_) => {}
    }
    drop(enricher.take_lookups());
}

/// A recording that is made smaller.
struct Cut<'c> {
    chosen: &'c HashSet<EventId>,
    needs: Needs,
    enricher: Enricher,
    /// Containers that are known to be entered.
    entered: HashSet<ContainerIndex>,
    /// When needed processes ended.
    exited: VecDeque<u64>,
    /// The time of the last input, and the last one that the new recording tells of.
    now_ns: u64,
    told_ns: u64,
    writer: Writer,
}

impl Cut<'_> {
    /// Takes one input; false: nothing more is needed.
    fn take(&mut self, input: &Input<'_>) -> anyhow::Result<bool> {
        match input {
            Input::Record(bytes) => self.record(bytes, true)?,
            Input::Context(bytes) => self.record(bytes, false)?,
            Input::Time(now_ns) => {
                self.now_ns = self.now_ns.max(*now_ns);
                if self.now_ns.saturating_sub(self.told_ns) >= CLOCK_NS {
                    self.tell_time()?;
                }
            }
            Input::Hash(answer) if !self.needs.files.contains(&answer.key) => {}
            Input::Package(answer) if !self.needs.files.contains(&answer.key) => {}
            // Of which of its acts they were part is not known.
            Input::Syscalls(..) => {}
            Input::Cgroup(..)
            | Input::Facts(_)
            | Input::Holder(_)
            | Input::Hash(_)
            | Input::Package(_) => {
                self.keep(input)?;
                follow(&mut self.enricher, input);
            }
        }
        // Until then an alert may be followed by an update.
        Ok(self.now_ns <= self.needs.last_ns.saturating_add(INCOMPLETE_NS))
    }

    fn record(&mut self, bytes: &[u8], is_told: bool) -> anyhow::Result<()> {
        let Ok(raw) = decode(bytes) else { return Ok(()) };
        let (id, unseen) = (raw.id, self.enricher.unseen_cgroups());
        let is_cgroup = matches!(raw.body, RawBody::CgroupMkdir(_) | RawBody::CgroupRmdir(_));
        let child = if let RawBody::Fork { child, .. } = raw.body { Some(child) } else { None };
        let actor = raw.task.key;
        let keys = [Some(actor), child].map(|key| key.filter(|key| self.needs.are_about(*key)));
        let before = keys.map(|key| key.map(|key| self.enricher.known_of(key)));
        let event = match self.enricher.enrich(raw) {
            Enriched::Event(event) => Some(event),
            Enriched::State | Enriched::Repeat => None,
        };
        drop(self.enricher.take_lookups());
        let after = keys.map(|key| key.map(|key| self.enricher.known_of(key)));
        let is_needed = (after != before)
            | is_cgroup
            | self.enters(actor)
            | (self.enricher.unseen_cgroups() != unseen)
            | event.as_ref().is_some_and(|event| self.needs.are_told_by(event))
            | event.as_ref().is_some_and(|event| self.forgets(event));
        if is_told && self.chosen.contains(&id) {
            self.keep(&Input::Record(bytes))?;
        } else if is_needed {
            self.keep(&Input::Context(bytes))?;
        }
        self.now_ns = self.now_ns.max(event.map_or(0, |event| event.boottime_ns));
        Ok(())
    }

    /// Whether the first process was just seen to enter a container.
    fn enters(&mut self, actor: ProcessKey) -> bool {
        let container = self.enricher.known_of(actor).container();
        container.is_some_and(|it| self.enricher.is_entered(it) && self.entered.insert(it))
    }

    /// Whether a needed process that ended is forgotten because of this end of another one.
    fn forgets(&mut self, event: &Event) -> bool {
        if !matches!(event.action, Action::Exit { .. }) {
            return false;
        }
        let now_ns = event.boottime_ns;
        if self.needs.are_about(event.process.key) {
            self.exited.push_back(now_ns);
        }
        let is_due = |at: &mut u64| now_ns.saturating_sub(*at) >= EXITED_LINGER_NS;
        let mut forgets = false;
        while self.exited.pop_front_if(is_due).is_some() {
            forgets = true;
        }
        forgets
    }

    fn keep(&mut self, input: &Input<'_>) -> anyhow::Result<()> {
        self.tell_time()?;
        Ok(self.writer.append(input)?)
    }

    /// Tells how late it is, so that what waits is decided when it was.
    fn tell_time(&mut self) -> anyhow::Result<()> {
        if self.now_ns > self.told_ns {
            self.told_ns = self.now_ns;
            self.writer.append(&Input::Time(self.now_ns))?;
        }
        Ok(())
    }
}
