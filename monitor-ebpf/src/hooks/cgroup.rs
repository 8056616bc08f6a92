//! `cgroup_mkdir`, `cgroup_rmdir`: the kernel names a container's cgroup before its first
//! program starts.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use monitor_common::{
    Cgroup, Member, Program, RecordKind,
    limits::{FIXED_BYTES, PATH_BYTES},
};

use crate::{
    maps::{floor, offset},
    read::{Kptr, raw},
    record, task,
};

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`, Linux 4.15
#[btf_tracepoint(function = "cgroup_mkdir")]
fn rm_cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    debug!(&ctx, "a cgroup was made");
    send(RecordKind::CgroupMkdir, Program::CgroupMkdir, ctx.arg(0), ctx.arg(1))
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`, Linux 4.15
#[btf_tracepoint(function = "cgroup_rmdir")]
fn rm_cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    if floor() {
        return 0;
    }
    send(RecordKind::CgroupRmdir, Program::CgroupRmdir, ctx.arg(0), ctx.arg(1))
}

#[inline(always)]
fn send(kind: RecordKind, program: Program, cgroup: Kptr, path: Kptr) -> i32 {
    record::send::<false>(kind, program, task::current::<false>(), |record| {
        let root: Kptr = raw(cgroup.wrapping_add(offset(Member::CgroupRoot)));
        let body: &mut Cgroup = record.body();
        body.id = task::cgroup_id::<false>(cgroup);
        body.hierarchy = raw(root.wrapping_add(offset(Member::CgroupRootHierarchyId)));
        body.path_len = record.append_string::<{ FIXED_BYTES as u64 }, { PATH_BYTES as u64 }>(path);
        Ok(())
    });
    0
}
