//! What a subscriber wants: as it is asked for, and ready to be asked about events.

use std::sync::Arc;

use monitor_rules::{Condition, Diagnostic, KindSet, Template, Tri};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Form,
    follow::{Follow, Root},
};
use crate::{
    env::EnvKeys,
    event::{Action, Event},
    rules::{SCHEMA, filter::Asks, has_hash, with_names},
};

/// Kinds that are shown without a filter: the rest would hide them.
pub(super) const SHOWN: [&str; 4] = ["exec", "connect", "send", "file_open"];

/// Kinds that are not shown without a filter of what one process and its children do: they are
/// many, and tell little.
pub(super) const HIDDEN_OF_TREE: [&str; 7] =
    ["fork", "exit", "file_read", "map", "protect", "socket", "signal"];

/// What a subscriber asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// A rule condition; empty: all events of the kinds that are shown without one.
    pub filter: String,
    /// Another condition, that says nothing of the kinds that are shown; empty: none.
    pub scope: String,
    /// Alerts of the rules, not events.
    pub alerts: bool,
    /// Heartbeats as well.
    pub heartbeats: bool,
    /// Only what this process and its descendants do.
    pub root: Option<Root>,
    /// The form of its lines.
    pub form: Form,
}

impl Wish {
    /// It, as [`Deserialize`] reads it.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({
            "filter": self.filter,
            "scope": self.scope,
            "alerts": self.alerts,
            "heartbeats": self.heartbeats,
            "root": self.root.map(Root::value),
            "form": self.form.value(),
        })
    }

    /// What it comes to.
    ///
    /// # Errors
    ///
    /// The filter is no condition: what is wrong with it, for people.
    pub fn view(&self) -> Result<View, String> {
        let [filter, scope] = [compile(&self.filter, "filter")?, compile(&self.scope, "scope")?];
        let shown = match (&filter, &self.root) {
            (Some(filter), _) => filter.kinds(),
            (None, Some(_)) => of_tree(),
            (None, None) => named(&SHOWN),
        };
        let filter = match (filter, scope) {
            (Some(_), Some(_)) => {
                compile(&format!("({}) and ({})", self.filter, self.scope), "filter")?
            }
            (one, other) => one.or(other),
        };
        let fields = self.form.template()?;
        let mut used = fields.as_ref().map(Template::used).unwrap_or_default();
        used.extend(filter.iter().flat_map(Condition::fields));
        let needed = with_names(shown, &used);
        let filter = filter.map(Arc::new);
        let follow = self.root.map(Follow::new);
        let Self { alerts, heartbeats, .. } = *self;
        let asks_hash = has_hash(&used);
        Ok(View { filter, fields, shown, needed, asks_hash, alerts, heartbeats, follow })
    }
}

fn compile(text: &str, name: &str) -> Result<Option<Condition<Event>>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    Condition::compile(&SCHEMA, name, text).map(Some).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(Diagnostic::one_line).collect();
        lines.join("\n")
    })
}

fn named(names: &[&str]) -> KindSet {
    let numbers = (0_u8..).zip(Action::KINDS).filter(|(_, name)| names.contains(name));
    numbers.map(|(number, _)| KindSet::of(&[number])).fold(KindSet::EMPTY, KindSet::union)
}

fn of_tree() -> KindSet {
    let is_shown = |name: &&str| !HIDDEN_OF_TREE.contains(name);
    let names: Vec<&str> = Action::KINDS.into_iter().filter(is_shown).collect();
    named(&names)
}

/// What a subscriber wants, ready to be asked.
pub struct View {
    filter: Option<Arc<Condition<Event>>>,
    /// The fields that are shown, where those are chosen.
    fields: Option<Template<Event>>,
    /// The SHA-256 of executed files is asked for.
    pub(super) asks_hash: bool,
    shown: KindSet,
    needed: KindSet,
    /// Alerts are wanted, and not events.
    pub alerts: bool,
    /// Heartbeats are wanted as well.
    pub(super) heartbeats: bool,
    follow: Option<Follow>,
}

impl View {
    /// The kinds of event that have to be seen for it, whatever the rules.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        if self.alerts { KindSet::EMPTY } else { self.needed }
    }

    /// What it asks of events, as the kernel's filter takes it.
    pub(super) fn asks(&self) -> Asks<'_> {
        Asks { kinds: self.kinds(), condition: self.filter.as_deref() }
    }

    /// The environment variables that it asks for.
    #[must_use]
    pub fn env_keys(&self) -> EnvKeys {
        let asked = self.filter.iter().flat_map(|filter| filter.keys_of("proc.env"));
        let shown = self.fields.iter().flat_map(|fields| fields.keys_of("proc.env"));
        EnvKeys::default().and(asked).and(shown)
    }

    /// How many descendants of whom it follows are still there.
    pub(super) fn alive(&self) -> usize {
        self.follow.as_ref().map_or(0, Follow::alive)
    }

    /// Whether it holds back nothing.
    pub(super) fn shows_all(&self) -> bool {
        self.filter.is_none() && self.follow.is_none()
    }

    /// Whether a fact is still looked for, on which hangs whether or how it shows an event.
    pub(super) fn awaits(&self, event: &Event) -> bool {
        if self.alerts || !self.shown.contains(event.action.kind()) {
            return false;
        }
        match self.filter.as_ref().map_or(Tri::True, |filter| filter.eval(event)) {
            Tri::Unknown => true,
            Tri::False => false,
            Tri::True => self.fields.as_ref().is_some_and(|fields| fields.is_pending(event)),
        }
    }

    /// Whether it shows an event of which no more will be known.
    pub(super) fn shows(&mut self, event: &Event) -> bool {
        // Who is followed is told by every event.
        let is_followed = self.follow.as_mut().is_none_or(|follow| follow.includes(event));
        let is_of_kind = self.alerts || self.shown.contains(event.action.kind());
        let holds = || self.filter.as_ref().is_none_or(|filter| filter.decide(event).fires);
        is_followed && is_of_kind && holds()
    }
}
