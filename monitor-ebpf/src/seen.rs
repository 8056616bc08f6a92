//! What a program is handed by a kernel function that it watches, whether on its return (fexit)
//! or on its entry (kprobe): one body serves both.

use aya_ebpf::{
    EbpfContext as _,
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{Member, Program, header::OUTCOME_UNKNOWN};

use crate::{
    maps::arity,
    read::{Kptr, Plain, member},
};

/// The arguments of a function, and its result where that is known.
pub(crate) trait Seen {
    /// Whether the verifier knows what the pointers point to.
    const TYPED: bool;
    /// An argument that is a pointer.
    fn pointer(&self, number: usize) -> Kptr;
    /// The same, read by itself: no load of it is shared with that of another argument. For those
    /// that only some kernels' functions have.
    fn pointer_apart<const NUMBER: usize>(&self) -> Kptr;
    /// An argument that is a number.
    fn number(&self, number: usize) -> u64;
    /// The result, where the function has returned.
    fn result(&self, program: Program) -> Option<i32>;
}

impl Seen for FExitContext {
    const TYPED: bool = true;

    #[inline(always)]
    fn pointer(&self, number: usize) -> Kptr {
        self.arg(number)
    }

    #[inline(always)]
    fn pointer_apart<const NUMBER: usize>(&self) -> Kptr {
        (match NUMBER {
            0 => word::<0>(self),
            1 => word::<8>(self),
            _ => word::<16>(self),
        }) as Kptr
    }

    #[inline(always)]
    fn number(&self, number: usize) -> u64 {
        self.arg(number)
    }

    /// Functions gain arguments over the years, so that the place of the result is the loader's
    /// to know. Each place is written out: the verifier wants a constant, and skips those that
    /// the global rules out.
    #[inline(always)]
    fn result(&self, program: Program) -> Option<i32> {
        Some(match arity(program) {
            1 => word::<8>(self) as i32,
            2 => word::<16>(self) as i32,
            3 => word::<24>(self) as i32,
            4 => word::<32>(self) as i32,
            5 => word::<40>(self) as i32,
            6 => word::<48>(self) as i32,
            _ => return None,
        })
    }
}

/// The word at an offset of the context. Written out, since the compiler would make one load of
/// several, from an address that it has calculated, which the verifier refuses.
#[inline(always)]
fn word<const OFFSET: usize>(context: &FExitContext) -> u64 {
    let value: u64;
    // SAFETY: the context has a word there, which the verifier checks.
    unsafe {
        core::arch::asm!(
            "{0} = *(u64 *)({1} + {2})",
            out(reg) value,
            in(reg) context.as_ptr(),
            const OFFSET,
        );
    }
    value
}

impl Seen for ProbeContext {
    const TYPED: bool = false;

    #[inline(always)]
    fn pointer(&self, number: usize) -> Kptr {
        self.arg(number).unwrap_or(core::ptr::null())
    }

    #[inline(always)]
    fn pointer_apart<const NUMBER: usize>(&self) -> Kptr {
        self.pointer(NUMBER)
    }

    #[inline(always)]
    fn number(&self, number: usize) -> u64 {
        self.arg(number).unwrap_or(0)
    }

    #[inline(always)]
    fn result(&self, _: Program) -> Option<i32> {
        None
    }
}

/// A member of what an argument points to.
#[inline(always)]
pub(crate) fn pointed<S: Seen, T: Plain>(base: Kptr, which: Member) -> T {
    if S::TYPED { member::<true, T>(base, which) } else { member::<false, T>(base, which) }
}

/// The outcome that a security check tells: a refusal, or that the act was allowed so far.
#[inline(always)]
pub(crate) fn verdict(result: Option<i32>) -> i32 {
    match result {
        Some(refused) if refused != 0 => refused,
        _ => OUTCOME_UNKNOWN,
    }
}

/// Two programs of one body: on the return of a kernel function, and on its entry.
macro_rules! watch {
    ($(
        $(#[$doc:meta])*
        $exit:ident $entry:ident => $body:ident($on_exit:ident, $on_entry:ident);
    )*) => {
        $(
            $(#[$doc])*
            #[aya_ebpf::macros::fexit]
            fn $exit(ctx: aya_ebpf::programs::FExitContext) -> i32 {
                if !crate::maps::floor() {
                    $body(&ctx, monitor_common::Program::$on_exit);
                }
                0
            }

            $(#[$doc])*
            #[aya_ebpf::macros::kprobe]
            fn $entry(ctx: aya_ebpf::programs::ProbeContext) -> u32 {
                if !crate::maps::floor() {
                    $body(&ctx, monitor_common::Program::$on_entry);
                }
                0
            }
        )*
    };
}
pub(crate) use watch;
