//! How an event's container stands to the policy, as the event carries it: it is worked out when a
//! rule asks, by what is known of the container then.

use std::{borrow::Cow, sync::Arc};

use super::{Policy, Verdict};
use crate::{
    container::Container,
    event::{Process, Reason},
    way::is_runtime,
};

/// How the container of an event stands to the policy.
#[derive(Clone, Debug, Default)]
pub enum Standing {
    /// There is no policy, or no container.
    #[default]
    None,
    /// By this policy.
    By {
        /// The policy.
        policy: Arc<Policy>,
        /// Whether the container is judged at this event: it is the first program that is seen of
        /// it.
        at_start: bool,
    },
    /// As it is told.
    Told {
        /// How.
        verdict: Verdict,
        /// As above.
        at_start: bool,
    },
}

impl Standing {
    /// How the container stands to it at a time.
    ///
    /// # Errors
    ///
    /// There is no policy, or what decides may still arrive.
    pub fn verdict(&self, container: &Container, now_ns: i64) -> Result<Cow<'_, Verdict>, Reason> {
        match self {
            Self::None => Err(Reason::NotApplicable),
            Self::Told { verdict, .. } => Ok(Cow::Borrowed(verdict)),
            Self::By { .. } if container.is_host() => Err(Reason::NotApplicable),
            Self::By { policy, .. } => policy.judge(container, now_ns).map(Cow::Owned),
        }
    }

    /// Whether the container is judged here; None where there is no policy.
    #[must_use]
    pub fn at_start(&self) -> Option<bool> {
        match self {
            Self::None => None,
            Self::By { at_start, .. } | Self::Told { at_start, .. } => Some(*at_start),
        }
    }

    /// Its container is another one than it looked like. A cgroup that a container made for itself
    /// is part of it, and no start of its own.
    pub fn moved(&mut self, from: &Container, to: &Container) {
        if let Self::By { at_start, .. } = self
            && !from.is_unseen()
            && from.cgroup_path != to.cgroup_path
        {
            *at_start = false;
        }
    }

    /// Whether the container is judged here, and it is too early for that.
    #[must_use]
    pub fn is_awaited(&self, container: &Container, now_ns: i64) -> bool {
        self.at_start() == Some(true)
            && self.verdict(container, now_ns).err() == Some(Reason::Pending)
    }

    /// There will be no more facts: what decides is not known.
    pub fn give_up(&mut self, container: &Container, now_ns: i64) {
        if self.is_awaited(container, now_ns) {
            let verdict = Verdict::Unknown("nothing told of its image in time".into());
            *self = Self::Told { verdict, at_start: true };
        }
    }
}

/// Whether a program is what sets a container up, and not the container's own.
#[must_use]
pub fn is_of_runtime(process: &Process) -> bool {
    let path = process.executable.as_deref().unwrap_or_default();
    is_runtime(process)
        || path.starts_with(b"/memfd:crun_cloned")
        || path.starts_with(b"/memfd:runc_cloned")
}
