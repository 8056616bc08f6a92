//! Declared against observed: what a container was declared to be, and what is more than that.

pub mod ports;
