//! What has to be seen for images to be learned.

use std::fmt;

use monitor_rules::{Condition, KindSet};

use crate::{
    event::Event,
    rules::{SCHEMA, filter::Asks, needed_kinds_of},
};

/// Everything that [`super::observe`] takes something of, as a filter that the kernel can keep: of
/// opens for reading only those of secrets.
const TEXT: &str = "\
    evt.type in (execve, execveat, connect, sendto, sendmsg, listen, bind, dns_query, dns_answer, \
                 rename, renameat, link, linkat, symlink, symlinkat, mkdir, mkdirat, mknod, \
                 mknodat, truncate, mprotect, socket, ptrace, bpf, init_module, mount, umount2, \
                 setns, unshare, pivot_root, chroot, setuid, setgid, capset, memfd_create, \
                 userfaultfd) \
    or (evt.type in (open, openat, openat2, creat) and evt.is_open_write = true) \
    or (evt.type in (open, openat, openat2) and evt.is_open_write = false \
        and (fd.name in (/etc/shadow, /etc/gshadow, /etc/sudoers) \
             or fd.name startswith /run/secrets/ or fd.name startswith /var/run/secrets/ \
             or fd.name startswith /etc/kubernetes/ or fd.name startswith /root/.ssh/ \
             or fd.name startswith /root/.aws/ or fd.name startswith /root/.kube/ \
             or fd.filename in (.netrc, .pgpass, .git-credentials, .my.cnf, .vault-token, .npmrc, \
                                id_rsa, id_ed25519, id_ecdsa)))";

/// What is asked of the kernel beside what rules ask.
pub struct Wanted {
    /// What holds for the events that are wanted.
    pub condition: Condition<Event>,
    /// The kinds that have to be seen for it.
    pub kinds: KindSet,
}

impl Wanted {
    /// It, if the text is a condition, as a test says.
    #[must_use]
    pub fn new() -> Option<Self> {
        Self::of("profiles", TEXT)
    }

    /// What a condition asks for, if the text is one.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Option<Self> {
        let condition = Condition::compile(&SCHEMA, name, text).ok()?;
        let kinds = needed_kinds_of(&condition);
        Some(Self { condition, kinds })
    }

    /// The same as the kernel's filter takes it.
    #[must_use]
    pub fn asks(&self) -> Asks<'_> {
        Asks { kinds: self.kinds, condition: Some(&self.condition) }
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Action;

    #[test]
    fn all_that_is_learned_is_wanted() {
        let wanted = Wanted::new().expect("the text is a condition");
        for (number, kind) in (0_u8..).zip(Action::KINDS) {
            let of_no_interest = [
                "exit",
                "fork",
                "accept",
                "dup",
                "file_receive",
                "unlink",
                "rmdir",
                "chmod",
                "chown",
                "utimes",
                "xattr",
                "map",
                "signal",
            ];
            assert_eq!(wanted.kinds.contains(number), !of_no_interest.contains(&kind), "{kind}");
        }
    }
}
