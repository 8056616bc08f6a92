//! What one behaviour has that another one has not.

use super::{Behaviour, Thing};

/// What differs, in the order of a profile's file.
#[derive(Debug, Default, PartialEq)]
pub struct Difference {
    /// What only the first one has.
    pub gone: Vec<Thing>,
    /// What only the second one has.
    pub new: Vec<Thing>,
}

impl Difference {
    /// Between two behaviours. What the other one expects in a wider form is no difference.
    #[must_use]
    pub fn between(one: &Behaviour, other: &Behaviour) -> Self {
        let lacking = |of: &Behaviour, from: &Behaviour| {
            let things = from.things().into_iter();
            things.filter(|thing| !of.expects(thing)).collect()
        };
        Self { gone: lacking(other, one), new: lacking(one, other) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.new.is_empty()
    }
}
