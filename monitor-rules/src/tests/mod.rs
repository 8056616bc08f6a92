//! Tables of cases against a toy schema.

mod aggregates;
mod conditions;
mod diagnostics;
mod exceptions;
mod files;
mod grammar;
mod indicators;
mod kinds;
mod metadata;
mod mutants;
mod operands;
mod outlines;
mod places;
mod reference;
pub(crate) mod toy;
mod unknowns;
mod values;
