//! The daemon's consumer: the line, with heartbeats and reloads between its inputs.

use std::sync::Arc;

use monitor_common::{DropReason, Program, RecordKind, counter};
use monitor_rules::KindSet;

use crate::{
    bpf::{
        attach_point::attach_point,
        counters::Reading,
        kernel_side::{Losses, Numbers},
        planner::Plan,
    },
    control::{self, Control, Reply},
    document::{
        Document, Heartbeat, finding,
        heartbeat::{HookState, KindCounters, Loss, ProgramState, Reloads, WebCounters},
    },
    endpoint::{Asked, Endpoint},
    enrich::{container::Lookup, hashes::HashQuestion},
    env::EnvKeys,
    event::Action,
    flood::{Flood, FloodWatch},
    limits::{BLIND_SHOWN, CONTROL_CLIENTS, LOSSES_SHOWN},
    line::{Input, Line, LineStats, Outlet},
    live::{Consumer, Live, boottime_ns, clock_offset_ns},
    logging::count,
    packages::PackageQuestion,
    policy::Policy,
    profile::{drift::Profiles, wanted::Wanted},
    raw_event::CgroupKey,
    reload::Reloader,
    rules::{
        Rules,
        filter::{Asks, KernelFilter},
    },
    subscriber::Subscribed,
    usage::Paper,
};

mod clock_watch;
mod findings;
mod health;
mod learning;
mod numbers;
mod outlet;
mod policy;
mod posture;
mod reload;
mod self_watch;
mod states;
mod store_watch;
mod subscribers;
pub mod upkeep;
mod usage;

use health::Health;
pub use learning::Learning;
use numbers::rule_states;
pub use numbers::{Refused, tables};
pub use outlet::CountedOutlet;
use posture::Posture;
pub use reload::SinkSource;
pub use states::LastFindings;
use states::States;
use store_watch::StoreTold;
use upkeep::Upkeep;

/// What stays the same when the rules are changed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Kinds of event that are wanted whatever the rules.
    pub kinds: KindSet,
    /// Environment variables that are kept whatever the rules.
    pub env_keys: EnvKeys,
    /// Whether the kernel leaves out what no rule is about, where no sink wants all.
    pub filters: bool,
    /// What is wanted besides: to learn from, or to know what is used.
    pub wanted: Vec<Arc<Wanted>>,
    /// Kinds of event that tell when something must be looked at again.
    pub changes: KindSet,
}

/// The line, and what happens by the clock.
pub struct Daemon<O: Outlet> {
    line: Line<Subscribed<O>>,
    /// Not all cgroups are known that were there before.
    misses_cgroups: bool,
    rules: usize,
    interval_ns: u64,
    /// When it began, on the boot clock.
    begun_ns: Option<u64>,
    next_ns: u64,
    sequence: u64,
    end_ns: Option<u64>,
    /// What stays whatever the rules, and where new rules come from.
    reload: Option<(Kept, Reloader<Arc<Rules>>)>,
    /// Where other sinks come from.
    sink_source: Option<Box<dyn SinkSource>>,
    /// Where another policy of what may run comes from.
    policy: Option<Reloader<Arc<Policy>>>,
    reloads: Reloads,
    /// Numbers of the sinks' last documents at the last heartbeat.
    numbers_told: Vec<(String, u64)>,
    findings: u64,
    floods: FloodWatch,
    control: Option<Control>,
    endpoint: Option<Endpoint>,
    web: Option<Box<dyn Fn() -> WebCounters>>,
    health: Health,
    store_told: StoreTold,
    learning: Option<Learning>,
    /// Where other approved profiles come from.
    profiles: Option<Reloader<Profiles>>,
    /// How containers are set up, if that is looked at.
    posture: Option<Posture>,
    /// Whether what runs is kept up, if that is looked at.
    upkeep: Option<Upkeep>,
    /// Findings about how something is.
    states: u64,
    /// Where those that are open are written, if they outlive the daemon.
    kept_states: Option<States>,
    /// Where what is used is written, if that is noted.
    usage: Option<Paper>,
}

impl<O: CountedOutlet> Daemon<O> {
    /// A daemon that sends a heartbeat every `interval_ns`, and ends at `end_ns` if that is set.
    pub fn new(
        line: Line<Subscribed<O>>,
        rules: usize,
        interval_ns: u64,
        end_ns: Option<u64>,
    ) -> Self {
        Self {
            line,
            rules,
            interval_ns,
            misses_cgroups: false,
            begun_ns: None,
            next_ns: 0,
            sequence: 0,
            end_ns,
            reload: None,
            sink_source: None,
            policy: None,
            reloads: Reloads::default(),
            numbers_told: Vec::new(),
            findings: 0,
            floods: FloodWatch::default(),
            control: None,
            endpoint: None,
            web: None,
            health: Health::default(),
            store_told: StoreTold::default(),
            learning: None,
            profiles: None,
            posture: None,
            upkeep: None,
            states: 0,
            kept_states: None,
            usage: None,
        }
    }

    /// Has rules read again with `reload` whenever the bell asks for it.
    pub fn reload_with(&mut self, kept: Kept, reload: Reloader<Arc<Rules>>) {
        self.reload = Some((kept, reload));
    }

    /// Has the approved profiles read again, as rules are.
    pub fn profiles_with(&mut self, reload: Reloader<Profiles>) {
        self.profiles = Some(reload);
    }

    /// Has the sinks changed by what comes from there.
    pub fn change_sinks_with(&mut self, source: Box<dyn SinkSource>) {
        self.sink_source = Some(source);
    }

    /// Does what is asked for over a control socket.
    pub fn control_with(&mut self, control: Control) {
        self.control = Some(control);
    }

    /// Tells its numbers and its health to who asks the endpoint, from now on.
    pub fn tell_to(&mut self, endpoint: Endpoint) {
        endpoint.answers();
        self.endpoint = Some(endpoint);
    }

    /// Answers the endpoint, between two events.
    fn tell(&mut self, live: &mut Live) {
        let asked = self.endpoint.as_mut().and_then(Endpoint::take).filter(Asked::is_awaited);
        // Who asked may have gone meanwhile.
        match asked {
            None => {}
            Some(Asked::Signs(answer)) => drop(answer.send(self.missing(live))),
            Some(Asked::Numbers(answer)) => {
                let state = Box::new(self.state(live, false));
                drop(answer.send((self.missing(live), state)));
            }
        }
    }

    /// Does what was asked for, between two events.
    fn serve(&mut self, boottime_ns: u64, live: &mut Live) {
        let now_ns = self.line.enricher().timestamp_ns(boottime_ns);
        for _ in 0..CONTROL_CLIENTS {
            let Some(mut asked) = self.control.as_ref().and_then(Control::next) else { return };
            if let Some(subscriber) = asked.subscriber.take() {
                asked.answer(self.subscribe(subscriber, live));
                continue;
            }
            let judge = self.line.judge();
            let done = control::carry_out(&asked.request, asked.peer, judge, now_ns);
            let told = || Ok(Reply::Status(self.status(boottime_ns, live)));
            asked.answer(done.unwrap_or_else(told));
        }
    }

    /// Tells of who made the kernel leave out records by having too many.
    fn tell_floods(&mut self, now_ns: u64, live: &mut Live) {
        let emptied = |(key, counts): Losses| {
            (key, counts.get(DropReason::BucketEmpty as usize).copied().unwrap_or_default())
        };
        // What cannot be read now can be in the next second; heartbeats show that it lasts.
        let losses = live.kernel().losses().unwrap_or_default().into_iter().map(emptied);
        for Flood { key, left_out } in self.floods.look(losses, now_ns) {
            let (id, hierarchy) = counter::loss_cgroup(key);
            let container = self.line.enricher().container_id(CgroupKey { hierarchy, id });
            let records = count(usize::try_from(left_out).unwrap_or(usize::MAX), "record");
            let text = format!(
                "{container} does one thing so often that {records} of it went over the limit \
                 (flood_rate) and were left out; acts of other sorts and of others are told of"
            );
            self.find_in(finding::FLOOD, text, Some(container));
        }
    }

    /// Decides what still waits, and sends the last heartbeat.
    pub fn finish(&mut self, live: &mut Live) {
        self.line.finish();
        self.tell_floods(boottime_ns(), live);
        self.tell_remarks();
        self.finish_learning(live);
        self.finish_usage(live);
        self.heartbeat(live, true);
    }

    /// The line.
    pub fn line(&mut self) -> &mut Line<Subscribed<O>> {
        &mut self.line
    }

    /// The line, for good.
    pub fn into_line(self) -> Line<Subscribed<O>> {
        self.line
    }

    fn heartbeat(&mut self, live: &mut Live, last: bool) {
        self.sequence += 1;
        let heartbeat = self.state(live, last);
        let numbers = heartbeat.sinks.iter().map(|sink| (sink.name.clone(), sink.number));
        self.numbers_told = numbers.collect();
        self.line.outlet().offer(Document::Heartbeat(Arc::new(heartbeat)));
    }

    /// The numbers of this moment.
    pub fn state(&mut self, live: &mut Live, last: bool) -> Heartbeat {
        // The line first: a record that is submitted meanwhile is then not missed, only not yet
        // decoded.
        let line = self.line.stats();
        let numbers = live.kernel().numbers().ok();
        let mut heartbeat = Heartbeat {
            sequence: self.sequence,
            timestamp_ns: now_ns(),
            last,
            decoded: decoded(&line),
            line,
            rules: self.rules,
            rules_version: self.line.judge().rules().version().to_owned(),
            blind: self.line.enricher().blind_containers(BLIND_SHOWN),
            reloads: self.reloads(),
            sinks: self.sinks(),
            store: self.line.outlet().inner().store(),
            hooks: hooks(live.plan(), numbers.as_ref()),
            web: self.web.as_ref().map(|counters| counters()),
            ..Heartbeat::default()
        };
        if let Some(numbers) = &numbers {
            kernel_counters(&mut heartbeat, &numbers.reading);
            heartbeat.kernel.push(("recursion_misses", numbers.recursion_misses));
        }
        heartbeat.losses = self.greatest_losses(live.kernel().losses().unwrap_or_default());
        let windows = self.line.judge().windows();
        let refused = Refused {
            lookups: live.lookups_refused(),
            hashes: live.hashes_refused(),
            packages: live.packages_refused(),
        };
        let (enricher, rollups) = (self.line.enricher(), self.line.rollups());
        heartbeat.tables = tables(enricher, windows, rollups, refused, live.kubernetes_stats());
        heartbeat.tables.extend(self.line.recorder().named());
        heartbeat.tables.extend(live.kept());
        heartbeat.tables.extend(self.learned_numbers());
        let refused = live.posture().map_or(0, |assessor| assessor.refused());
        heartbeat.tables.extend(self.posture_numbers(refused));
        heartbeat.tables.extend(self.upkeep_numbers());
        heartbeat.tables.extend(self.usage_numbers());
        heartbeat.profiles = self.line.differences().states().cloned().collect();
        let now_ns = self.line.enricher().timestamp_ns(boottime_ns());
        heartbeat.rule_states = rule_states(self.line.judge(), now_ns);
        heartbeat.degraded = self.health.look(&heartbeat, numbers.is_some(), boottime_ns());
        heartbeat
    }

    /// Losses by container, in no order.
    fn losses(&self, by_cgroup: Vec<Losses>) -> Vec<(String, [u64; DropReason::COUNT])> {
        let mut losses: Vec<(String, [u64; DropReason::COUNT])> = Vec::new();
        for (key, counts) in by_cgroup {
            let (id, hierarchy) = counter::loss_cgroup(key);
            let container = self.line.enricher().container_id(CgroupKey { hierarchy, id });
            match losses.iter_mut().find(|(known, _)| *known == container) {
                Some((_, sums)) => {
                    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
                None => losses.push((container, counts)),
            }
        }
        losses
    }

    /// The greatest losses, by container.
    fn greatest_losses(&self, by_cgroup: Vec<Losses>) -> Vec<Loss> {
        let mut losses = self.losses(by_cgroup);
        losses.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
        losses.truncate(LOSSES_SHOWN);
        let named = |counts: [u64; DropReason::COUNT]| {
            DropReason::ALL.iter().map(|reason| reason.name()).zip(counts).collect()
        };
        losses
            .into_iter()
            .map(|(container, counts)| Loss { container, dropped: named(counts) })
            .collect()
    }
}

/// Which opens, connections and datagrams the kernel tells of, for these rules and for others.
#[must_use]
pub fn kernel_filter(rules: &Rules, others: &[Asks<'_>], filters: bool) -> KernelFilter {
    let filter = KernelFilter::of_all(rules, others);
    if filters { filter } else { filter.passing_all() }
}

/// Nanoseconds since 1970.
fn now_ns() -> i64 {
    clock_offset_ns().saturating_add_unsigned(boottime_ns())
}

/// The kinds of record that carry the kinds of event of a set.
#[must_use]
pub fn record_kinds(events: KindSet) -> Vec<RecordKind> {
    // A kind of event has the name of the record that carries it.
    let names: Vec<&str> = events
        .iter()
        .filter_map(|number| Action::KINDS.get(usize::from(number)).copied())
        .collect();
    RecordKind::ALL.into_iter().filter(|kind| names.contains(&kind.name())).collect()
}

/// Records of the kernel that came through, seeds left out.
fn decoded(line: &LineStats) -> u64 {
    line.records.saturating_sub(line.seeds + line.decode_errors)
}

/// Writes the kernel side's counters into a heartbeat.
pub fn kernel_counters(heartbeat: &mut Heartbeat, reading: &Reading) {
    for kind in RecordKind::ALL {
        if kind == RecordKind::Task {
            continue;
        }
        heartbeat.kinds.push(KindCounters {
            kind: kind.name(),
            attempted: reading.attempted(kind),
            submitted: reading.submitted(kind),
            collapsed: reading.collapsed(kind),
            filtered: reading.filtered(kind),
            dropped: DropReason::ALL
                .iter()
                .map(|reason| (reason.name(), reading.dropped(kind, *reason)))
                .collect(),
        });
    }
    let own = Program::ALL.iter().map(|program| reading.own_acts(*program)).sum();
    heartbeat.kernel = vec![
        ("path_truncated", reading.value(counter::PATH_TRUNCATED)),
        ("args_truncated", reading.value(counter::ARGS_TRUNCATED)),
        ("loss_unattributed", reading.value(counter::LOSS_UNATTRIBUTED)),
        ("pending_full", reading.value(counter::PENDING_FULL)),
        ("repeats_full", reading.value(counter::REPEATS_FULL)),
        ("buckets_full", reading.value(counter::BUCKETS_FULL)),
        ("dns_sockets_full", reading.value(counter::DNS_SOCKETS_FULL)),
        ("own_acts", own),
    ];
}

/// Which hook each kind got, and what its programs cost where that is known.
#[must_use]
pub fn hooks(plan: &Plan, numbers: Option<&Numbers>) -> Vec<HookState> {
    let costs = || numbers.iter().flat_map(|numbers| &numbers.costs);
    let cost = |program| costs().find(|(of, _)| *of == program).map(|(_, cost)| *cost);
    let state = |planned: &crate::bpf::planner::Planned| HookState {
        kind: planned.kind.name(),
        backend: planned.chosen.as_ref().map(|chosen| chosen.backend.name()),
        programs: planned
            .chosen
            .iter()
            .flat_map(|chosen| &chosen.programs)
            .map(|(program, fired)| ProgramState {
                attach: attach_point(*program).label(),
                fires: *fired,
                cost: cost(*program),
            })
            .collect(),
        blind: planned.chosen.as_ref().map_or_else(
            || planned.refused.iter().map(|refusal| refusal.why.clone()).collect(),
            |chosen| chosen.blind.clone(),
        ),
    };
    plan.hooks.iter().map(state).collect()
}

impl<O: CountedOutlet> Consumer for Daemon<O> {
    fn take(&mut self, input: Input<'_>) {
        self.line.take(input);
    }

    fn miss_cgroups(&mut self) {
        self.misses_cgroups = true;
    }

    fn take_lookups(&mut self) -> Vec<Lookup> {
        self.line.take_lookups()
    }

    fn take_hash_questions(&mut self) -> Vec<HashQuestion> {
        self.line.take_hash_questions()
    }

    fn take_package_questions(&mut self) -> Vec<PackageQuestion> {
        self.line.take_package_questions()
    }

    fn tick(&mut self, now_ns: u64, live: &mut Live) -> bool {
        self.line.take(Input::Time(now_ns));
        self.reload(live);
        self.serve(now_ns, live);
        self.forget_subscribers(live);
        self.tell(live);
        self.tell_remarks();
        self.tell_over();
        self.watch_posture(now_ns, live);
        if self.floods.is_due(now_ns) {
            self.health.look_at_sinks(&self.line.outlet().inner().sinks(), now_ns);
            self.watch_store();
            self.watch_clock();
            self.watch_tasks();
            self.tell_floods(now_ns, live);
            self.watch_upkeep(now_ns, live);
        }
        self.keep_states(now_ns);
        self.begun_ns.get_or_insert(now_ns);
        if self.next_ns == 0 {
            self.next_ns = now_ns + self.interval_ns;
        }
        if now_ns >= self.next_ns {
            self.next_ns = now_ns + self.interval_ns;
            self.check_maps(live);
            self.check_hooks(live);
            self.keep_learned(live);
            self.keep_usage(live);
            self.heartbeat(live, false);
        }
        self.end_ns.is_none_or(|end| now_ns < end)
    }

    fn is_waiting(&self) -> bool {
        let is_pressing = |it: &Posture| it.is_pressing(boottime_ns());
        self.line.is_waiting()
            || self.end_ns.is_some()
            || self.line.has_changes()
            || self.posture.as_ref().is_some_and(is_pressing)
    }
}
