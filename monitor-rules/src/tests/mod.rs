//! Tables of cases against a toy schema.

mod conditions;
mod diagnostics;
mod files;
mod grammar;
mod kinds;
mod metadata;
mod toy;
mod unknowns;
mod values;
