//! Where processes are: in which container, and how they came there.

use std::sync::Arc;

use super::{Enricher, container::ContainerIndex, described, process_table::Entry};
use crate::{
    event::{Knowledge, Process, ProcessKey, WayIn},
    raw_event::{CgroupKey, Task},
};

impl Enricher {
    pub(super) fn fork(&mut self, task: &Task, child: ProcessKey, namespace_pid: u32) {
        if self.processes.get(task.key).is_none() {
            self.processes.count_miss();
            self.enter_unknown(task);
        }
        self.follow_cgroup(task);
        let ancestors = self.processes.ancestors_of_child(task.key);
        let Some(parent) = self.processes.get(task.key) else { return };
        let mut process = Process::clone(&parent.process);
        process.key = child;
        process.parent = task.key;
        process.namespace_pid = namespace_pid;
        process.uid = task.credentials.uid;
        let entry = Entry {
            process: Arc::new(process),
            ancestors,
            container: parent.container,
            left: parent.left,
            way_in: parent.way_in.inherited(),
            cgroup: task.cgroup,
            ended: false,
        };
        self.processes.insert(entry);
    }

    pub(super) fn enter_unknown(&mut self, task: &Task) {
        self.enter(task, described(task));
    }

    pub(super) fn enter(&mut self, task: &Task, process: Process) {
        let container = self.container_of(task.cgroup);
        let entry = Entry {
            way_in: self.way_of_unseen(task, container, process.knowledge),
            process: Arc::new(process),
            ancestors: self.processes.ancestors_of_child(task.parent),
            container,
            left: None,
            cgroup: task.cgroup,
            ended: false,
        };
        self.processes.insert(entry);
    }

    /// A process belongs to the container that it entered first: moving out of its cgroup does
    /// not change who it is, moving into one does, and so does a container inside its own. Runtimes
    /// start containers from cgroups of their own, of which it may not be known yet that they are
    /// none: where such a one is left it counts only if it turns out to be a container.
    pub(super) fn follow_cgroup(&mut self, task: &Task) {
        self.settle_home(task.key);
        let Some(entry) = self.processes.get(task.key) else { return };
        let is_known = |own| !self.containers.is_unknown(own);
        if entry.cgroup == task.cgroup && entry.container.is_some_and(is_known) {
            return;
        }
        let now = self.container_of(task.cgroup);
        let Some(entry) = self.processes.get_mut(task.key) else { return };
        entry.cgroup = task.cgroup;
        let Some(now) = now else { return };
        let own = entry.container.filter(|own| {
            *own != now
                && !self.containers.is_unknown(*own)
                && !self.containers.is_host(*own)
                && !self.containers.is_nested(now, *own)
        });
        let is_open = own.is_some_and(|own| self.containers.is_open(own));
        if (own.is_none() || is_open) && entry.container != Some(now) {
            entry.left = entry.left.or(own);
            entry.container = Some(now);
            let is_first = self.containers.enter_first(now);
            entry.way_in.enter(is_first || task.namespace_pid == 1);
        }
    }

    /// Where it is known now what a process left, it is that one's, or was never in one.
    fn settle_home(&mut self, key: ProcessKey) {
        let Some(entry) = self.processes.get_mut(key) else { return };
        let Some(left) = entry.left.filter(|left| !self.containers.is_open(*left)) else { return };
        entry.left = None;
        if !self.containers.is_host(left) {
            entry.container = Some(left);
        }
    }

    pub(super) fn container_of(&mut self, cgroup: CgroupKey) -> Option<ContainerIndex> {
        let (container, lookup) = self.containers.of_cgroup(cgroup);
        self.lookups.extend(lookup);
        container
    }

    /// How a process came to run where it does that was not seen coming: by where its parent is.
    fn way_of_unseen(
        &mut self,
        task: &Task,
        container: Option<ContainerIndex>,
        knowledge: Knowledge,
    ) -> WayIn {
        let parent = self.processes.get(task.parent).map(|it| (it.container, it.way_in));
        let Some(own) = container else {
            return parent.map(|(_, way_in)| way_in.outside()).unwrap_or_default();
        };
        if let Some((of_parent, way_in)) = parent
            && of_parent == container
        {
            return way_in.inherited();
        }
        let mut way_in = parent.map(|(_, way_in)| way_in.outside()).unwrap_or_default();
        let is_first = self.containers.enter_first(own) || task.namespace_pid == 1;
        // A process of which nothing is known may be a late child of one that is gone.
        if is_first || (parent.is_some() && knowledge != Knowledge::Gone) {
            way_in.enter(is_first);
        }
        way_in
    }

    /// A process did something: it may have started a program, or more is known of its container.
    pub(super) fn follow_way(&mut self, key: ProcessKey, starts: bool) {
        if starts {
            return self.start(key, true);
        }
        let Some(entry) = self.processes.get_mut(key) else { return };
        let container = self.containers.get(entry.container);
        entry.way_in.compare_again(&entry.process, container);
    }

    /// It started a program; `is_new` if that was seen.
    pub(super) fn start(&mut self, key: ProcessKey, is_new: bool) {
        let Some(entry) = self.processes.get_mut(key) else { return };
        let (container, parent) = (self.containers.get(entry.container), entry.ancestors.first());
        entry.way_in.start(&entry.process, parent.map(|it| &**it), container, is_new);
    }
}
