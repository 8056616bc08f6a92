//! Whether what goes to a listener is encrypted, by the first bytes of connections as they pass.
//! Nothing is ever sent, and nothing of what was read is kept.
//!
//! A [`tap`] is a packet socket in the network of the listener, where the privileges are: a filter
//! in the kernel lets only the beginnings of segments of the listener's port through. Whoever has
//! none parses what came ([`packet`], [`streams`]) and judges it ([`hello`]), and has the tap
//! closed as soon as all is decided, or its time is over ([`watch`]).

mod assess;
mod filter;
pub mod hello;
pub mod packet;
pub mod streams;
pub mod tap;
pub mod watch;

pub(super) use assess::judge;
pub use hello::{Class, Mutual};
pub use tap::{Direct, Tap};
pub use watch::{Heard, Traffic};
