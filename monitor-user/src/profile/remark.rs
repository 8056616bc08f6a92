//! What people are told once about profiles, and of which no single event is an alert.

use super::{drift::Used, thing::Thing};
use crate::{
    container::Container,
    event::{Event, Fact},
};

/// A remark on what a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What kind of.
    pub kind: RemarkKind,
    /// Which container it was found in, by its id.
    pub container: String,
    /// What exactly, for people.
    pub text: String,
}

/// What remarks are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// Something is not expected by a profile that only watches.
    Differs,
    /// Much that is new came at once, and is not learned.
    Burst,
}

impl Remark {
    /// The first thing that a shadow does not expect.
    #[must_use]
    pub fn differs(event: &Event, used: &Used, found: &Thing, nearest: Option<&str>) -> Self {
        let container = &event.container;
        let expected = nearest.map_or_else(String::new, |it| format!(" (nearest expected: {it})"));
        let (name, part) = (&used.name, found.part().name());
        let text = format!(
            "{} differs from profile {name}, which is its shadow: {part} {found}{expected}; what \
             else does is counted in heartbeats and shown by runmon status",
            image_of(container)
        );
        Self { kind: RemarkKind::Differs, container: container.id.to_string(), text }
    }

    /// The first thing that is not learned of a burst.
    #[must_use]
    pub fn burst(event: &Event, found: &Thing) -> Self {
        let container = &event.container;
        let part = found.part().name();
        let text = format!(
            "{} suddenly does much that it never did: {part} {found}, and what comes within the \
             same minute, is not learned; look at it, and take what is right into the profile by \
             hand",
            image_of(container)
        );
        Self { kind: RemarkKind::Burst, container: container.id.to_string(), text }
    }
}

/// The image and its digest, as far as they are known.
fn image_of(container: &Container) -> String {
    match (&container.image, &container.image_digest) {
        (Fact::Known(image, _), Fact::Known(digest, _)) => format!("{image} ({digest})"),
        (Fact::Known(image, _), Fact::Unknown(_)) => image.to_string(),
        _ => format!("container {}", container.short_id()),
    }
}
