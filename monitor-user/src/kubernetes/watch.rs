//! Follows the objects of one kind: lists what there is, then watches what changes, and lists again
//! where changes were missed.

use std::{
    collections::HashSet,
    io::{BufRead, Read},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    lines,
    objects::{self, Change, List, Object, OddError, PodObject, ServiceObject},
    pause::Pause,
    told::{Told, count},
};
use crate::{
    enrich::holders::{Holder, HolderKind},
    limits::{CLUSTER_CHANGE_BYTES, CLUSTER_NAME_BYTES, PODS, SERVICES},
    live::boottime_ns,
    metadata::{Intake, Over},
};

/// Pages of one list at most.
const PAGES: usize = 1_000;

/// A watch that lasted so long has done what it is for.
const WATCHED: Duration = Duration::from_secs(10);

/// Objects of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The pods of this node.
    Pods,
    /// The services of the cluster.
    Services,
}

impl Kind {
    /// Its name in the API.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Services => "services",
        }
    }

    const fn most(self) -> usize {
        match self {
            Self::Pods => PODS,
            Self::Services => SERVICES,
        }
    }
}

/// Why a request did not give what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The connection was not made, or broke.
    #[error("{0}")]
    Connection(String),
    /// A file cannot be read, or has not what it should.
    #[error("{0}")]
    File(String),
    /// The answer has another status than 200.
    #[error("status {status}{}", meaning(*.status))]
    Status {
        /// Its number.
        status: u16,
    },
    /// A change takes more room than it may.
    #[error("a change is longer than {0} bytes")]
    TooLong(u64),
    /// The answer ends within a change.
    #[error("the answer was cut")]
    Cut,
    /// What was answered makes no sense.
    #[error("the answer makes no sense: {0}")]
    Odd(#[from] OddError),
    /// A list does not end.
    #[error("a list has more than {PAGES} pages")]
    Endless,
}

/// What to do about a status.
fn meaning(status: u16) -> &'static str {
    match status {
        401 => ": the token is not taken; is it one of this cluster's?",
        403 => {
            ": the service account may not list and watch this; deploy/kubernetes/components/\
             kubernetes-api has the role"
        }
        _ => "",
    }
}

/// What ends a turn.
#[derive(Debug)]
enum End {
    /// Nobody wants news any more.
    Over,
    /// The API has forgotten the changes after what is known: it must be listed anew.
    Expired,
    /// Something failed.
    Failed(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Status { status: 410 } => Self::Expired,
            trouble => Self::Failed(trouble),
        }
    }
}

impl From<Over> for End {
    fn from(_over: Over) -> Self {
        Self::Over
    }
}

/// What is asked of the API.
pub(super) trait Api {
    /// A page of the list: the first, or the one where the page before says that it begins. A first
    /// page may be as old as what the server has at hand, unless it must be `fresh`.
    fn list(&mut self, next: Option<&str>, fresh: bool) -> Result<Box<dyn Read>, Trouble>;

    /// The changes after a version, one a line, until the server has enough.
    fn watch(&mut self, version: &str) -> Result<Box<dyn BufRead>, Trouble>;
}

/// The state of what is followed.
pub(super) struct Watch<A> {
    api: A,
    kind: Kind,
    node: Box<str>,
    intake: Intake,
    /// What is there.
    known: HashSet<Box<str>>,
    /// Changes after this version are not known; None: a list is needed first.
    version: Option<String>,
    /// Changes were missed, and none came since.
    is_expired: bool,
    /// What the server had at hand was too old, too.
    fresh: bool,
    /// Requests that failed since the last that did not.
    failed: u64,
}

impl<A: Api> Watch<A> {
    pub(super) fn new(api: A, kind: Kind, node: &str, intake: Intake) -> Self {
        Self {
            api,
            kind,
            node: node.into(),
            intake,
            known: HashSet::new(),
            version: None,
            is_expired: false,
            fresh: false,
            failed: 0,
        }
    }

    /// Follows until nobody wants news any more.
    pub(super) fn run(mut self) {
        let mut pause = Pause::new();
        while self.turn(&mut pause).is_ok() {}
    }

    /// Lists or watches once, and rests.
    fn turn(&mut self, pause: &mut Pause) -> Result<(), Over> {
        let end = self.once(pause);
        self.after(end)?;
        std::thread::sleep(pause.take());
        Ok(())
    }

    /// What is done next, by what ended a turn; what that was, empty where nothing failed.
    fn after(&mut self, end: Result<(), End>) -> Result<String, Over> {
        match end {
            Ok(()) => {
                self.works();
                Ok(String::new())
            }
            Err(End::Over) => Err(Over),
            Err(End::Expired) => {
                self.fresh = std::mem::replace(&mut self.is_expired, true);
                self.version = None;
                Ok("expired".to_owned())
            }
            Err(End::Failed(trouble)) => Ok(self.fails(&trouble)),
        }
    }

    /// Lists if need be, and then watches.
    fn once(&mut self, pause: &mut Pause) -> Result<(), End> {
        match self.kind {
            Kind::Pods => self.follow::<PodObject>(pause),
            Kind::Services => self.follow::<ServiceObject>(pause),
        }
    }

    fn follow<T: Object>(&mut self, pause: &mut Pause) -> Result<(), End> {
        let version = match self.version.clone() {
            Some(version) => version,
            None => {
                let version = self.list::<T>()?;
                self.works();
                self.version = Some(version.clone());
                version
            }
        };
        let begun = Instant::now();
        let mut input = self.api.watch(&version)?;
        let mut line = Vec::new();
        while lines::next(&mut *input, &mut line, CLUSTER_CHANGE_BYTES)? {
            self.change(objects::change::<T>(&line).map_err(Trouble::from)?)?;
            self.works();
            pause.reset();
        }
        if begun.elapsed() > WATCHED {
            pause.reset();
        }
        Ok(())
    }

    /// Takes in all there is; its version. What is gone makes room first.
    fn list<T: Object>(&mut self) -> Result<String, End> {
        let (mut there, mut objects) = (HashSet::new(), Vec::new());
        let mut next = None;
        for _ in 0..PAGES {
            let page = self.api.list(next.as_deref(), self.fresh)?;
            let page: List<T> =
                serde_json::from_reader(page).map_err(|error| odd(error, "the list"))?;
            for object in page.items.unwrap_or_default() {
                let uid: Box<str> = object.uid().into();
                // What was known and still is has its room.
                let has_room = there.len() < self.kind.most() || self.known.contains(&uid);
                if !object.is_wanted(&self.node) || !has_room {
                    count(&self.intake.stats.refused);
                } else if there.insert(uid) {
                    objects.push(object);
                }
            }
            next = page.metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                self.forget_others(&there)?;
                objects.into_iter().try_for_each(|object| self.is_there(object))?;
                self.fresh = false;
                count(&self.intake.stats.lists);
                return Ok(checked(page.metadata.resource_version)?);
            }
        }
        Err(Trouble::Endless.into())
    }

    /// What was known and is in no list any more is gone.
    fn forget_others(&mut self, there: &HashSet<Box<str>>) -> Result<(), Over> {
        let gone: Vec<Box<str>> = self.known.difference(there).cloned().collect();
        gone.iter().try_for_each(|uid| self.is_gone(uid))
    }

    fn change<T: Object>(&mut self, change: Change<T>) -> Result<(), End> {
        let version = match change {
            Change::Is(object) => {
                count(&self.intake.stats.changes);
                let version = object.metadata().resource_version.clone();
                self.is_there(object)?;
                version
            }
            Change::Gone(object) => {
                count(&self.intake.stats.changes);
                self.is_gone(object.uid())?;
                object.metadata().resource_version.clone()
            }
            Change::Bookmark(version) => version,
            Change::Error(status) => return Err(Trouble::Status { status }.into()),
        };
        self.version = Some(checked(version)?);
        self.is_expired = false;
        Ok(())
    }

    /// Tells of an object, unless it is left out.
    fn is_there<T: Object>(&mut self, object: T) -> Result<(), Over> {
        let uid: Box<str> = object.uid().into();
        let has_room = self.known.len() < self.kind.most() || self.known.contains(&uid);
        if !object.is_wanted(&self.node) || !has_room {
            count(&self.intake.stats.refused);
            return Ok(());
        }
        self.known.insert(uid);
        self.counts();
        self.intake.bring(Told::Holder(Box::new(object.holder(boottime_ns()))))?;
        if let Some(pod) = object.pod() {
            self.intake.bring(Told::Pod(Box::new(pod)))?;
        }
        Ok(())
    }

    fn is_gone(&mut self, uid: &str) -> Result<(), Over> {
        if !self.known.remove(uid) {
            return Ok(());
        }
        self.counts();
        let kind = match self.kind {
            Kind::Pods => HolderKind::Pod,
            Kind::Services => HolderKind::Service,
        };
        let [name, namespace] = ["", ""].map(Box::from);
        let (uid, told_ns): (Box<str>, u64) = (uid.into(), boottime_ns());
        if kind == HolderKind::Pod {
            self.intake.bring(Told::Gone(uid.clone()))?;
        }
        let holder = Holder { kind, uid, name, namespace, addresses: [].into(), told_ns };
        self.intake.bring(Told::Holder(Box::new(holder)))
    }

    fn counts(&self) {
        let stats = &self.intake.stats;
        let number = match self.kind {
            Kind::Pods => &stats.pods,
            Kind::Services => &stats.services,
        };
        number.store(self.known.len() as u64, Ordering::Relaxed);
    }

    /// A request failed: said once.
    fn fails(&mut self, trouble: &Trouble) -> String {
        count(&self.intake.stats.failures);
        // What cannot be read now could not be read the next time either.
        if matches!(trouble, Trouble::Odd(_) | Trouble::TooLong(_)) {
            self.version = None;
        }
        self.failed += 1;
        let (kind, why) = (self.kind.path(), trouble.to_string());
        if self.failed == 1 {
            tracing::warn!(kind, why, "the cluster's API does not tell; it is asked again");
        }
        why
    }

    /// A request gave what it should.
    fn works(&mut self) {
        let tries = std::mem::take(&mut self.failed);
        if tries > 0 {
            tracing::warn!(kind = self.kind.path(), tries, "the cluster's API tells again");
        }
    }
}

/// A version, if it can be one.
fn checked(version: String) -> Result<String, Trouble> {
    if (1..=CLUSTER_NAME_BYTES).contains(&version.len()) {
        return Ok(version);
    }
    Err(OddError::Version.into())
}

/// A list that could not be read: it may be its connection's fault.
fn odd(error: serde_json::Error, what: &str) -> Trouble {
    if error.is_io() {
        Trouble::Connection(format!("{what}: {error}"))
    } else {
        OddError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
