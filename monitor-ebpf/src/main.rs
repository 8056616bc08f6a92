//! The kernel side of runmon: programs that observe, bound and ship. They know no policy.
//!
//! An act takes one straight way: a hook (`hooks/`) leaves out what is not asked for, fills a
//! record in a scratch slot (`record.rs`) with the facts of the task (`task.rs`) and of the
//! object (`file.rs`, `socket.rs`), and sends it with one ring-buffer call.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod act;
mod args;
mod attempt;
mod call;
mod count;
mod dns;
mod env;
mod file;
mod filter;
mod flood;
mod hooks;
mod maps;
mod open_call;
mod opening;
mod own;
mod packet;
mod path;
mod peer;
mod read;
mod record;
mod remembered;
mod sections;
mod seen;
mod socket;
mod task;
mod uring;

/// A reachable panic becomes an endless loop, which the verifier refuses to load.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lends its GPL-only helpers to programs with a compatible licence.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
