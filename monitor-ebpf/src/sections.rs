//! The sections of a record: paths and texts that are appended behind its fixed body.

use monitor_common::{counter, header::flags};

use crate::{
    count, path,
    read::{self, Kptr},
    record::Record,
};

impl Record {
    /// Appends the path of a `struct path`. `BEFORE` is the most that earlier sections take.
    /// Returns the length of the section.
    #[inline(always)]
    pub(crate) fn append_path<const BEFORE: u64, const MAX: u64>(&self, of: Kptr) -> u32 {
        let built = path::build(self.index(), of);
        self.append_built::<BEFORE, MAX>(built)
    }

    /// As [`Record::append_path`], of a dentry that is seen through a `struct vfsmount`.
    #[inline(always)]
    pub(crate) fn append_dentry<const BEFORE: u64, const MAX: u64>(
        &self,
        vfsmount: Kptr,
        dentry: Kptr,
    ) -> u32 {
        let built = path::build_at(self.index(), vfsmount as u64, dentry as u64);
        self.append_built::<BEFORE, MAX>(built)
    }

    /// Appends the path that is in the buffer of the slot.
    #[inline(always)]
    pub(crate) fn append_walked<const BEFORE: u64, const MAX: u64>(&self, cut: bool) -> u32 {
        let buffer = crate::maps::PATHS.get_ptr_mut(self.index());
        self.append_built::<BEFORE, MAX>(buffer.map(|buffer| (buffer, cut)))
    }

    #[inline(always)]
    fn append_built<const BEFORE: u64, const MAX: u64>(
        &self,
        built: Option<(*mut path::Buffer, bool)>,
    ) -> u32 {
        let Some((buffer, cut)) = built else { return 0 };
        if cut {
            self.header().flags |= flags::PATH_TRUNCATED;
            count::add(counter::PATH_TRUNCATED);
        }
        let (mut source, mut length) = path::built(buffer);
        if cut && length > 1 {
            // What is left does not start at the root, and must not look as if it did.
            source = source.wrapping_add(1);
            length -= 1;
        }
        if length > MAX {
            self.header().flags |= flags::PATH_TRUNCATED;
            count::add(counter::PATH_TRUNCATED);
        }
        self.append_kernel::<BEFORE, MAX>(source, length)
    }

    /// Appends `length` bytes of kernel memory, at most `MAX`.
    #[inline(always)]
    pub(crate) fn append_kernel<const BEFORE: u64, const MAX: u64>(
        &self,
        source: Kptr,
        length: u64,
    ) -> u32 {
        let Some(end) = read::bounded(self.end(), BEFORE) else { return 0 };
        let length = read::at_most(length, MAX);
        let to = self.bytes().wrapping_add(end as usize);
        // SAFETY: `end + length` is at most `BEFORE + MAX`, which callers keep within the slot;
        // the verifier checks the same.
        let ok = unsafe { read::copy_kernel(to, length, source) };
        self.appended(end, length, ok)
    }

    /// Appends a string of kernel memory, without its final zero, at most `MAX` bytes with it.
    #[inline(always)]
    pub(crate) fn append_string<const BEFORE: u64, const MAX: u64>(&self, source: Kptr) -> u32 {
        let Some(end) = read::bounded(self.end(), BEFORE) else { return 0 };
        // SAFETY: as in `append_kernel`.
        let read = unsafe {
            aya_ebpf::helpers::generated::bpf_probe_read_kernel_str(
                self.bytes().wrapping_add(end as usize).cast(),
                MAX as u32,
                source.cast(),
            )
        };
        self.appended_string(end, read, MAX)
    }

    /// Appends a string of user memory, as [`Record::append_string`].
    #[inline(always)]
    pub(crate) fn append_user_string<const BEFORE: u64, const MAX: u64>(&self, source: u64) -> u32 {
        let Some(end) = read::bounded(self.end(), BEFORE) else { return 0 };
        // SAFETY: as in `append_kernel`.
        let read = unsafe {
            aya_ebpf::helpers::generated::bpf_probe_read_user_str(
                self.bytes().wrapping_add(end as usize).cast(),
                MAX as u32,
                source as *const _,
            )
        };
        self.appended_string(end, read, MAX)
    }

    /// Appends `length` bytes of user memory, at most `MAX`.
    #[inline(always)]
    pub(crate) fn append_user<const BEFORE: u64, const MAX: u64>(
        &self,
        source: u64,
        length: u64,
    ) -> u32 {
        let Some(end) = read::bounded(self.end(), BEFORE) else { return 0 };
        let length = read::at_most(length, MAX);
        let to = self.bytes().wrapping_add(end as usize);
        // SAFETY: as in `append_kernel`.
        let ok = unsafe { read::copy_user(to, length, source) };
        self.appended(end, length, ok)
    }

    #[inline(always)]
    fn appended(&self, end: u64, length: u64, ok: bool) -> u32 {
        if !ok {
            self.header().flags |= flags::READ_FAULT;
            return 0;
        }
        self.set_end(end + length);
        length as u32
    }

    #[inline(always)]
    fn appended_string(&self, end: u64, read: i64, limit: u64) -> u32 {
        if read <= 0 {
            self.header().flags |= flags::READ_FAULT;
            return 0;
        }
        if read as u64 >= limit {
            self.header().flags |= flags::PATH_TRUNCATED;
        }
        let length = read as u64 - 1;
        self.set_end(end + length);
        length as u32
    }
}
