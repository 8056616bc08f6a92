//! What may run: registries, repositories, digests and ages of images, and how a container stands
//! to that. It is asked once a container starts, however it was started.

pub mod file;
pub(crate) mod pattern;
pub mod reference;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::{
    container::Container,
    event::{Fact, Reason},
};
use pattern::Pattern;
use reference::{Name, Reference};
pub use standing::{Standing, is_of_runtime};

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

/// Places of a policy that a reason names.
const SHOWN: usize = 3;

/// What may run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    registries: Vec<Pattern>,
    repositories: Vec<Pattern>,
    digests: HashSet<Box<str>>,
    max_age_days: Option<u32>,
    except: Vec<Exception>,
}

/// Who may run all the same.
#[derive(Clone, Debug, PartialEq)]
struct Exception {
    /// Its repository, its namespace and its own name, as far as they are said.
    image: Option<Pattern>,
    namespace: Option<Pattern>,
    name: Option<Pattern>,
    /// Why.
    reason: Box<str>,
    /// Until when: the day as it is written, and the end of it, nanoseconds since 1970.
    until: Option<(Box<str>, i64)>,
}

/// How a container stands to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may run; by an exception, or else because all of it is in the policy.
    Allowed(Option<Box<str>>),
    /// It may not, for this reason.
    Refused(Box<str>),
    /// What decides is not known, for this reason.
    Unknown(Box<str>),
}

impl Verdict {
    /// How documents and rules name it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Allowed(_) => "allowed",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why, where there is more to say.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Allowed(why) => why.as_deref(),
            Self::Refused(why) | Self::Unknown(why) => Some(why),
        }
    }
}

/// How one part of a policy is met.
enum Met {
    Yes,
    No(String),
    Unknown(String),
}

impl Policy {
    /// How a container stands to it at a time, nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// What decides may still arrive.
    pub fn judge(&self, container: &Container, now_ns: i64) -> Result<Verdict, Reason> {
        if self.is_open(container) {
            return Err(Reason::Pending);
        }
        let why = match (self.place(container), self.age(container, now_ns)) {
            (Met::Yes, Met::Yes) => return Ok(Verdict::Allowed(None)),
            (Met::No(why), _) | (_, Met::No(why)) => Verdict::Refused(why.into()),
            (Met::Unknown(why), _) | (_, Met::Unknown(why)) => Verdict::Unknown(why.into()),
        };
        let excepted = self.except.iter().find(|it| it.covers(container, now_ns));
        Ok(excepted.map_or(why, |exception| Verdict::Allowed(Some(exception.text().into()))))
    }

    /// Whether a fact that decides may still arrive.
    fn is_open(&self, container: &Container) -> bool {
        let is_pending = |reason: Option<Reason>| reason == Some(Reason::Pending);
        let facts = [
            (true, unknown(&container.image)),
            (!self.digests.is_empty(), unknown(&container.image_digest)),
            (!self.digests.is_empty(), unknown(&container.image_id)),
            (self.max_age_days.is_some(), unknown(&container.image_created_ns)),
            (!self.except.is_empty(), unknown(&container.pod_namespace)),
            (!self.except.is_empty(), unknown(&container.name)),
        ];
        facts.into_iter().any(|(counts, reason)| counts && is_pending(reason))
    }

    /// Whether its image is from where images may be from.
    fn place(&self, container: &Container) -> Met {
        if self.registries.is_empty() && self.repositories.is_empty() && self.digests.is_empty() {
            return Met::Yes;
        }
        let text = container.image.known();
        let name = text.map(|text| reference::parse(text));
        if self.has_digest(container, name.as_ref()) {
            return Met::Yes;
        }
        let is_id = text.is_some_and(|text| is_id_of(text, container));
        match name {
            None => Met::Unknown(no_image(container)),
            Some(Err(why)) => Met::No(format!("the name of its image is no reference: {why}")),
            Some(Ok(Name::Reference(at))) if !is_id => self.place_of(&at, container),
            Some(Ok(_)) => {
                Met::No("its image is named by its id alone, which is not in the policy".to_owned())
            }
        }
    }

    /// The same of an image with a place.
    fn place_of(&self, at: &Reference, container: &Container) -> Met {
        let repository = at.repository();
        if self.registries.iter().any(|it| it.matches(&at.registry))
            || self.repositories.iter().any(|it| it.matches(&repository))
        {
            return Met::Yes;
        }
        let why = self.missing(at, &repository, container);
        match unknown(&container.image_digest) {
            // It may be one of those that are named by their digests.
            Some(reason) if !self.digests.is_empty() && at.digest.is_none() => match reason {
                Reason::NotApplicable => Met::No(why),
                reason => {
                    Met::Unknown(format!("{why}, and its digest is not known: {}", reason.name()))
                }
            },
            _ => Met::No(why),
        }
    }

    /// What is not in the policy of an image.
    fn missing(&self, at: &Reference, repository: &str, container: &Container) -> String {
        let registry_of = |it: &Pattern| reference::split_registry(it.text()).0;
        let knows = |it: &Pattern| Pattern::new(&registry_of(it)).matches(&at.registry);
        if self.registries.is_empty() && self.repositories.is_empty() {
            let digest = container.image_digest.known().map(|digest| &**digest);
            return match digest.or(at.digest.as_deref()) {
                Some(digest) => format!("digest {digest} is not in the policy"),
                None => "the policy has only digests, and its image has none".to_owned(),
            };
        }
        if self.repositories.iter().any(knows) {
            let near: Vec<&str> =
                self.repositories.iter().filter(|it| knows(it)).map(Pattern::text).collect();
            return format!("repository {repository} is not in the policy{}", shown(&near));
        }
        let mut all: Vec<String> = self.registries.iter().map(|it| it.text().to_owned()).collect();
        all.extend(self.repositories.iter().map(registry_of));
        all.sort();
        all.dedup();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        format!("registry {} is not in the policy{}", at.registry, shown(&all))
    }

    /// Whether it is an image that is named by a digest: of its manifest, or of its configuration.
    fn has_digest(&self, container: &Container, name: Option<&Result<Name, String>>) -> bool {
        let said = match name {
            Some(Ok(Name::Reference(at))) => at.digest.as_deref(),
            Some(Ok(Name::Id(id))) => Some(&**id),
            _ => None,
        };
        let id = container.image_id.known().map(|id| match id.contains(':') {
            true => id.to_string(),
            false => format!("sha256:{id}"),
        });
        let own = container.image_digest.known().map(|digest| &**digest);
        // What it was asked for by counts only where the engine does not say what it took.
        let said = said.filter(|_| own.is_none());
        [said, own, id.as_deref()].into_iter().flatten().any(|it| self.digests.contains(it))
    }

    /// Whether its image is as young as it has to be.
    fn age(&self, container: &Container, now_ns: i64) -> Met {
        let Some(max) = self.max_age_days else { return Met::Yes };
        let at = match &container.image_created_ns {
            Fact::Known(at, _) => *at,
            Fact::Unknown(_) if container.image.known().is_none() => {
                return Met::Unknown(no_image(container));
            }
            Fact::Unknown(Reason::NotApplicable) => {
                return Met::Unknown("its image does not say when it was made".to_owned());
            }
            Fact::Unknown(reason) => {
                let why = reason.name();
                return Met::Unknown(format!("when its image was made is not known: {why}"));
            }
        };
        let age_ns = now_ns.saturating_sub(at);
        if age_ns < -DAY_NS {
            return Met::Unknown("its image says that it is from the future".to_owned());
        }
        let days = age_ns / DAY_NS;
        if days <= i64::from(max) {
            return Met::Yes;
        }
        Met::No(format!("its image is {days} days old, and the policy allows {max}"))
    }

    /// Exceptions that have ended by a time, as people are told of them.
    #[must_use]
    pub fn ended(&self, now_ns: i64) -> Vec<String> {
        let has_ended = |it: &&Exception| it.until.as_ref().is_some_and(|(_, end)| now_ns >= *end);
        self.except.iter().filter(has_ended).map(Exception::text).collect()
    }
}

impl Exception {
    fn covers(&self, container: &Container, now_ns: i64) -> bool {
        let repository = || match reference::parse(container.image.known()?) {
            Ok(Name::Reference(at)) => Some(at.repository()),
            _ => None,
        };
        let text = |fact: &Fact<Box<str>>| fact.known().map(|text| text.to_string());
        let is_it = |pattern: &Option<Pattern>, value: &dyn Fn() -> Option<String>| {
            let matches = |pattern: &Pattern| value().is_some_and(|it| pattern.matches(&it));
            pattern.as_ref().is_none_or(matches)
        };
        self.until.as_ref().is_none_or(|(_, end)| now_ns < *end)
            && is_it(&self.image, &repository)
            && is_it(&self.namespace, &|| text(&container.pod_namespace))
            && is_it(&self.name, &|| text(&container.name))
    }

    fn text(&self) -> String {
        match &self.until {
            Some((day, _)) => format!("excepted until {day}: {}", self.reason),
            None => format!("excepted: {}", self.reason),
        }
    }
}

/// Why a fact is not known, if it is not.
fn unknown<T>(fact: &Fact<T>) -> Option<Reason> {
    match fact {
        Fact::Known(..) => None,
        Fact::Unknown(reason) => Some(*reason),
    }
}

/// Whether an image was asked for by its id, or by the beginning of that.
fn is_id_of(text: &str, container: &Container) -> bool {
    let id = container.image_id.known();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = id.map(|id| id.strip_prefix("sha256:").unwrap_or(id));
    !text.is_empty() && is_hex && id.is_some_and(|id| id.starts_with(text))
}

/// Why it has no image that is known.
fn no_image(container: &Container) -> String {
    match unknown(&container.image) {
        None | Some(Reason::NotApplicable) => "it has no image".to_owned(),
        Some(reason) => format!("its image is not known: {}", reason.name()),
    }
}

/// Some of what is in a policy, behind what is not.
fn shown(all: &[&str]) -> String {
    let some: Vec<&str> = all.iter().take(SHOWN).copied().collect();
    let more = if all.len() > SHOWN { ", …" } else { "" };
    format!(" (it has {}{more})", some.join(", "))
}
