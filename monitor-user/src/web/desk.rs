//! What the page shows, kept while somebody looks. Every list has a bound: the oldest goes.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::feeds::Watched;
use crate::{
    limits::{WEB_ALERTS, WEB_LINGER_SECONDS, WEB_LIVES, WEB_RECENT},
    top::{
        board::Board,
        seen::{Act, Raised, Seen, Who},
    },
};

/// All of it.
#[derive(Default)]
pub(super) struct Desk {
    /// By container.
    pub(super) board: Board,
    /// Events, the latest last.
    pub(super) recent: VecDeque<Seen>,
    /// Alerts since the daemon began, the latest first.
    pub(super) alerts: VecDeque<Kept>,
    /// Processes, as they were first seen.
    pub(super) lives: VecDeque<Life>,
    /// Lives that made way for others: the number of the first that is kept.
    lives_gone: u64,
    /// Numbers of the last life of each process.
    numbers: BTreeMap<(String, u32), u64>,
    /// Whether events are to be watched.
    pub(super) is_asked: bool,
    /// Since when they are, seconds since 1970; None: they are not, or not yet.
    pub(super) since_s: Option<i64>,
    /// How the watching of events goes.
    pub(super) of_events: Feed,
    /// And that of alerts.
    pub(super) of_alerts: Feed,
    /// When it was asked for last.
    asked_s: i64,
}

/// How watching goes.
#[derive(Default)]
pub(super) struct Feed {
    /// Documents that came faster than they were read.
    pub(super) late: u64,
    /// Why nothing comes, though it is asked for.
    pub(super) trouble: Option<String>,
}

/// An alert.
pub(super) struct Kept {
    pub(super) raised: Raised,
    /// All that is known of it (Elastic Common Schema).
    pub(super) document: Value,
}

/// A process from its begin to its end, as far as it was seen.
pub(super) struct Life {
    pub(super) place: String,
    pub(super) who: Who,
    pub(super) parent: Option<u32>,
    pub(super) command: String,
    /// Whether it was seen to begin.
    pub(super) is_begun: bool,
    /// Nanoseconds since 1970.
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    pub(super) ended_ns: Option<i64>,
    pub(super) acts: u64,
}

impl Desk {
    /// It is asked for: whether watching is to begin.
    pub(super) fn ask(&mut self, now_s: i64) -> bool {
        self.asked_s = now_s;
        let begins = !self.is_asked;
        if begins {
            // What happened while nobody looked is not known: it would be told as what is now.
            *self = Self {
                alerts: std::mem::take(&mut self.alerts),
                of_alerts: std::mem::take(&mut self.of_alerts),
                is_asked: true,
                asked_s: now_s,
                ..Self::default()
            };
            let raised: Vec<Raised> =
                self.alerts.iter().rev().map(|it| it.raised.clone()).collect();
            raised.into_iter().for_each(|raised| self.put_on_board(raised));
        }
        begins
    }

    /// Something is watched from now on, or why it is not is told.
    pub(super) fn goes(&mut self, watched: Watched, trouble: Option<String>, now_s: i64) {
        if watched == Watched::Events && self.is_asked && trouble.is_none() {
            self.since_s.get_or_insert(now_s);
        }
        self.feed(watched).trouble = trouble;
    }

    /// How the watching of something goes.
    pub(super) fn feed(&mut self, watched: Watched) -> &mut Feed {
        match watched {
            Watched::Events => &mut self.of_events,
            Watched::Alerts => &mut self.of_alerts,
        }
    }

    /// Documents that came faster than they were read, of both.
    pub(super) fn late(&self) -> u64 {
        self.of_events.late.saturating_add(self.of_alerts.late)
    }

    /// Why nothing comes, though it is asked for.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.of_events.trouble.as_deref().or(self.of_alerts.trouble.as_deref())
    }

    /// Whether nobody has looked for a while.
    pub(super) fn is_left(&self, now_s: i64) -> bool {
        self.is_asked && now_s - self.asked_s > WEB_LINGER_SECONDS
    }

    /// Events are not watched any more.
    pub(super) fn stop(&mut self) {
        (self.is_asked, self.since_s) = (false, None);
    }

    pub(super) fn note(&mut self, seen: Seen) {
        if self.recent.len() >= WEB_RECENT {
            self.recent.pop_front();
        }
        self.live(&seen);
        self.recent.push_back(seen.clone());
        self.board.note(seen);
    }

    pub(super) fn raise(&mut self, kept: Kept) {
        self.put_on_board(kept.raised.clone());
        // Of repeats there is one more row, as everywhere.
        self.alerts.push_front(kept);
        self.alerts.truncate(WEB_ALERTS);
    }

    fn put_on_board(&mut self, raised: Raised) {
        if raised.place.id.is_empty() {
            // About the monitor itself, which is no container.
            self.board.alerts += 1;
        } else {
            self.board.raise(raised);
        }
    }

    fn live(&mut self, seen: &Seen) {
        let (place, now_ns) = (&seen.place.id, seen.timestamp_ns);
        for (at, ancestor) in seen.ancestors.iter().enumerate().rev() {
            // One that has ended is still told as who started others.
            if !self.numbers.contains_key(&(place.clone(), ancestor.pid)) {
                let parent = seen.ancestors.get(at + 1).map(|parent| parent.pid);
                self.begin(Life { parent, ..life(place, ancestor, now_ns) });
            }
        }
        if self.of(place, seen.who.pid).is_none() {
            let is_begun = seen.act == Act::Exec;
            self.begin(Life { is_begun, ..life(place, &seen.who, now_ns) });
        }
        let Some(life) = self.of(place, seen.who.pid) else { return };
        life.who.clone_from(&seen.who);
        life.command.clone_from(&seen.command);
        life.parent = seen.ancestors.first().map(|parent| parent.pid).or(life.parent);
        life.last_ns = life.last_ns.max(now_ns);
        life.acts += 1;
        if seen.act == Act::Exit {
            life.ended_ns = Some(now_ns);
        }
    }

    /// The life of a process that has not ended.
    fn of(&mut self, place: &str, pid: u32) -> Option<&mut Life> {
        let number = self.numbers.get(&(place.to_owned(), pid))?;
        let at = usize::try_from(number.checked_sub(self.lives_gone)?).ok()?;
        self.lives.get_mut(at).filter(|life| life.ended_ns.is_none())
    }

    fn begin(&mut self, life: Life) {
        if self.lives.len() >= WEB_LIVES
            && let Some(oldest) = self.lives.pop_front()
        {
            let key = (oldest.place, oldest.who.pid);
            if self.numbers.get(&key) == Some(&self.lives_gone) {
                self.numbers.remove(&key);
            }
            self.lives_gone += 1;
        }
        let number = self.lives_gone + self.lives.len() as u64;
        self.numbers.insert((life.place.clone(), life.who.pid), number);
        self.lives.push_back(life);
    }
}

fn life(place: &str, who: &Who, now_ns: i64) -> Life {
    Life {
        place: place.to_owned(),
        who: who.clone(),
        parent: None,
        command: String::new(),
        is_begun: false,
        first_ns: now_ns,
        last_ns: now_ns,
        ended_ns: None,
        acts: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::seen::{Outcome, Where};

    fn seen(pid: u32, act: Act, timestamp_ns: i64) -> Seen {
        Seen {
            timestamp_ns,
            act,
            outcome: Outcome::Done,
            place: Where { id: "c1".into(), ..Where::default() },
            who: Who { pid, name: "sh".into() },
            command: "sh".into(),
            ancestors: vec![Who { pid: 1, name: "init".into() }],
            object: String::new(),
        }
    }

    #[test]
    fn a_process_with_the_id_of_one_that_ended_is_another() {
        let mut desk = Desk::default();
        for (act, at) in [(Act::Exec, 1), (Act::Exit, 2), (Act::Exec, 3)] {
            desk.note(seen(7, act, at));
        }
        let told: Vec<_> =
            desk.lives.iter().map(|it| (it.who.pid, it.first_ns, it.ended_ns)).collect();
        assert_eq!(told, [(1, 1, None), (7, 1, Some(2)), (7, 3, None)]);
        assert_eq!(desk.lives[2].parent, Some(1));
        // Who is named as the parent of others only, lives no second time.
        desk.note(Seen {
            ancestors: vec![Who { pid: 7, name: "sh".into() }],
            ..seen(8, Act::Exec, 4)
        });
        desk.note(seen(7, Act::Exit, 5));
        desk.note(Seen {
            ancestors: vec![Who { pid: 7, name: "sh".into() }],
            ..seen(8, Act::Write, 6)
        });
        assert_eq!(desk.lives.len(), 4);
    }

    #[test]
    fn lists_have_bounds() {
        let mut desk = Desk::default();
        for pid in 2..WEB_RECENT as u32 + 10 {
            desk.note(seen(pid, Act::Exec, pid.into()));
        }
        assert_eq!((desk.recent.len(), desk.lives.len()), (WEB_RECENT, WEB_LIVES));
        assert_eq!(desk.numbers.len(), WEB_LIVES);
        // The oldest is known no more, and begins anew.
        desk.note(seen(2, Act::Write, 1 << 40));
        assert_eq!(desk.lives.back().map(|it| (it.who.pid, it.is_begun)), Some((2, false)));
    }

    #[test]
    fn alerts_stay_when_nobody_looks() {
        let mut desk = Desk::default();
        desk.raise(Kept { raised: Raised::default(), document: Value::Null });
        assert!(desk.ask(100) && !desk.ask(101));
        desk.note(seen(7, Act::Exec, 1));
        assert!(!desk.is_left(101 + WEB_LINGER_SECONDS));
        assert!(desk.is_left(102 + WEB_LINGER_SECONDS));
        desk.stop();
        assert!(desk.ask(200) && desk.recent.is_empty());
        assert_eq!((desk.alerts.len(), desk.board.alerts), (1, 1));
    }

    #[test]
    fn events_are_watched_since_their_feed_began_not_since_they_were_asked_for() {
        let mut desk = Desk::default();
        assert!(desk.ask(100));
        desk.goes(Watched::Events, Some("too many look".into()), 101);
        desk.goes(Watched::Alerts, None, 102);
        assert_eq!(desk.since_s, None);
        desk.goes(Watched::Events, None, 103);
        desk.goes(Watched::Events, None, 104);
        assert_eq!(desk.since_s, Some(103));
        desk.stop();
        desk.goes(Watched::Events, None, 105);
        assert_eq!(desk.since_s, None);
    }

    #[test]
    fn neither_feed_tells_for_the_other() {
        let mut desk = Desk::default();
        desk.feed(Watched::Alerts).late = 3;
        desk.feed(Watched::Alerts).trouble = Some("too many look".into());
        desk.feed(Watched::Events).late = 4;
        desk.feed(Watched::Events).trouble = None;
        assert_eq!((desk.late(), desk.trouble()), (7, Some("too many look")));
        // Events are watched anew, and alerts all the time.
        assert!(desk.ask(100));
        assert_eq!((desk.late(), desk.trouble()), (3, Some("too many look")));
    }
}
