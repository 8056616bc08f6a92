//! `runmon top`: what every container does now, on a terminal.
//!
//! Lines of a subscriber become [`seen::Seen`], the [`board::Board`] keeps what is to be shown of
//! them, [`view::View`] is what whoever sits there looks at, and [`draw`] shows the one through the
//! other. Nothing here reads a socket or a key: `commands/top` does.

pub mod board;
#[cfg(feature = "top")]
pub mod draw;
pub mod seen;
#[cfg(all(test, feature = "top"))]
mod tests;
#[cfg(feature = "top")]
pub mod view;
