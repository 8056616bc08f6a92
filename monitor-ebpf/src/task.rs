//! Facts of a task. The kernel's `tgid` is our process id and its `pid` our thread id; they are
//! translated here and nowhere else.

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_get_current_task_btf};
use monitor_common::{Header, Member};

use crate::{
    maps::{cgroup_v1_subsystem, direct, has, offset},
    read::{self, Kptr, member},
};

/// kernfs id of the root of any cgroup hierarchy.
const ROOT_CGROUP: u64 = 1;

/// The task that runs now. Typed where `TYPED` and the kernel allows it.
#[inline(always)]
pub(crate) fn current<const TYPED: bool>() -> Kptr {
    if TYPED && direct() {
        // SAFETY: a helper without arguments.
        unsafe { bpf_get_current_task_btf() }.cast_const().cast()
    } else {
        // SAFETY: a helper without arguments.
        (unsafe { bpf_get_current_task() }) as Kptr
    }
}

/// Process id.
#[inline(always)]
pub(crate) fn pid<const TYPED: bool>(task: Kptr) -> u32 {
    member::<TYPED, _>(task, Member::TaskTgid)
}

/// Thread id.
#[inline(always)]
pub(crate) fn tid<const TYPED: bool>(task: Kptr) -> u32 {
    member::<TYPED, _>(task, Member::TaskPid)
}

/// Number of the program that the task runs, counted by its own execs; 0 where the kernel does not
/// tell.
#[inline(always)]
pub(crate) fn exec_number<const TYPED: bool>(task: Kptr) -> u32 {
    // 64 bits wide since 5.7; the lower half changes with each exec.
    if has(Member::TaskSelfExecId) { member::<TYPED, _>(task, Member::TaskSelfExecId) } else { 0 }
}

/// Start of the task's process (its group leader), nanoseconds since boot.
#[inline(always)]
pub(crate) fn start<const TYPED: bool>(task: Kptr) -> u64 {
    let leader: Kptr = member::<TYPED, _>(task, Member::TaskGroupLeader);
    member::<TYPED, _>(leader, Member::TaskStartBoottime)
}

/// Cgroup id and hierarchy of a task: in v2, or, from its root, in the chosen v1 hierarchy.
#[inline(always)]
pub(crate) fn cgroup<const TYPED: bool>(task: Kptr) -> (u64, u32) {
    let set: Kptr = member::<TYPED, _>(task, Member::TaskCgroups);
    let unified: Kptr = member::<TYPED, _>(set, Member::CssSetDflCgrp);
    let id = cgroup_id::<TYPED>(unified);
    if id != ROOT_CGROUP {
        return (id, 0);
    }
    let Some(index) = cgroup_v1_subsystem() else { return (id, 0) };
    let state: Kptr = read::at::<TYPED, _>(set, offset(Member::CssSetSubsys) + 8 * index);
    let legacy: Kptr = member::<TYPED, _>(state, Member::CssCgroup);
    let root: Kptr = member::<TYPED, _>(legacy, Member::CgroupRoot);
    let hierarchy: u32 = member::<TYPED, _>(root, Member::CgroupRootHierarchyId);
    (cgroup_id::<TYPED>(legacy), hierarchy)
}

/// kernfs id of a cgroup.
#[inline(always)]
pub(crate) fn cgroup_id<const TYPED: bool>(cgroup: Kptr) -> u64 {
    let node: Kptr = member::<TYPED, _>(cgroup, Member::CgroupKn);
    member::<TYPED, _>(node, Member::KernfsNodeId)
}

/// The task's mount namespace, to compare with others.
#[inline(always)]
pub(crate) fn mount_namespace(task: Kptr) -> Kptr {
    let proxy: Kptr = member::<false, _>(task, Member::TaskNsproxy);
    member::<false, _>(proxy, Member::NsproxyMntNs)
}

/// Process id in the task's own pid namespace.
#[inline(always)]
pub(crate) fn namespace_pid<const TYPED: bool>(task: Kptr) -> u32 {
    let leader: Kptr = member::<TYPED, _>(task, Member::TaskGroupLeader);
    let pid: Kptr = member::<TYPED, _>(leader, Member::TaskThreadPid);
    let level: u32 = member::<TYPED, _>(pid, Member::PidLevel);
    // `struct upid` is { int nr; struct pid_namespace *ns; }: 16 bytes.
    let number = offset(Member::PidNumbers) + offset(Member::UpidNr) + 16 * (level & 31) as usize;
    read::raw(pid.wrapping_add(number))
}

/// The task behind a `struct pid`; null where it has ended.
#[inline(always)]
pub(crate) fn of_number(number: Kptr) -> Kptr {
    // The first of the lists is that of the task that has the number for its own (`PIDTYPE_PID`).
    let link: Kptr = read::raw(number.wrapping_add(offset(Member::PidTasks)));
    if link.is_null() { link } else { link.wrapping_sub(offset(Member::TaskPidLinks)) }
}

/// Writes the facts of `task` into the header.
#[inline(always)]
pub(crate) fn describe<const TYPED: bool>(header: &mut Header, task: Kptr) {
    header.pid = pid::<TYPED>(task);
    header.tid = tid::<TYPED>(task);
    header.start_ns = start::<TYPED>(task);
    header.namespace_pid = 0;
    header.session_id = 0;
    let parent: Kptr = member::<TYPED, _>(task, Member::TaskRealParent);
    header.parent_pid = pid::<TYPED>(parent);
    header.parent_start_ns = start::<TYPED>(parent);
    header.loginuid = u32::MAX;
    if has(Member::TaskLoginuid) {
        header.loginuid = member::<TYPED, _>(task, Member::TaskLoginuid);
    }
    header.outcome = 0;
    (header.cgroup_id, header.cgroup_hierarchy) = cgroup::<TYPED>(task);
    credentials::<TYPED>(header, task);
    namespaces::<TYPED>(header, task);
    header.comm = read::raw(task.wrapping_add(offset(Member::TaskComm)));
}

/// Writes the facts that stay the same for a process, which only the records of its start carry.
#[inline(always)]
pub(crate) fn identify<const TYPED: bool>(header: &mut Header, task: Kptr) {
    header.namespace_pid = namespace_pid::<TYPED>(task);
    header.session_id = session::<TYPED>(task);
}

/// The real user id of a task.
#[inline(always)]
pub(crate) fn user<const TYPED: bool>(task: Kptr) -> u32 {
    let cred: Kptr = member::<TYPED, _>(task, Member::TaskCred);
    member::<TYPED, _>(cred, Member::CredUid)
}

#[inline(always)]
fn credentials<const TYPED: bool>(header: &mut Header, task: Kptr) {
    let cred: Kptr = member::<TYPED, _>(task, Member::TaskCred);
    header.uid = member::<TYPED, _>(cred, Member::CredUid);
    header.gid = member::<TYPED, _>(cred, Member::CredGid);
    header.euid = member::<TYPED, _>(cred, Member::CredEuid);
    header.egid = member::<TYPED, _>(cred, Member::CredEgid);
    let users: Kptr = member::<TYPED, _>(cred, Member::CredUserNs);
    header.user_namespace = member::<TYPED, _>(users, Member::UserNsInum);
}

#[inline(always)]
fn namespaces<const TYPED: bool>(header: &mut Header, task: Kptr) {
    let proxy: Kptr = member::<TYPED, _>(task, Member::TaskNsproxy);
    let mounts: Kptr = member::<TYPED, _>(proxy, Member::NsproxyMntNs);
    header.mount_namespace = member::<TYPED, _>(mounts, Member::MntNsInum);
    let pids: Kptr = member::<TYPED, _>(proxy, Member::NsproxyPidNs);
    header.pid_namespace = member::<TYPED, _>(pids, Member::PidNsInum);
    let network: Kptr = member::<TYPED, _>(proxy, Member::NsproxyNetNs);
    header.network_namespace = member::<TYPED, _>(network, Member::NetInum);
}

/// Id of the session leader, in the initial pid namespace.
#[inline(always)]
fn session<const TYPED: bool>(task: Kptr) -> u32 {
    const PIDTYPE_SID: usize = 3;
    let signal: Kptr = member::<TYPED, _>(task, Member::TaskSignal);
    let leader: Kptr = read::raw(signal.wrapping_add(offset(Member::SignalPids) + 8 * PIDTYPE_SID));
    read::raw(leader.wrapping_add(offset(Member::PidNumbers) + offset(Member::UpidNr)))
}
