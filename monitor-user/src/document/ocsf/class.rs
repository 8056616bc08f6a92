//! Classes of events and their activities, by the numbers and names of the schema.

/// A class of events.
pub(super) struct Class {
    /// Its number; its thousands are the category's.
    pub(super) uid: u32,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
}

/// An activity of a class.
#[derive(Clone, Copy)]
pub(super) struct Activity {
    pub(super) class: &'static Class,
    pub(super) id: u32,
    pub(super) name: &'static str,
}

impl Class {
    /// An activity that the schema has.
    pub(super) const fn activity(&'static self, id: u32, name: &'static str) -> Activity {
        Activity { class: self, id, name }
    }

    /// An activity that the schema has no number for, by our name.
    pub(super) const fn other(&'static self, name: &'static str) -> Activity {
        self.activity(99, name)
    }
}

const SYSTEM: &str = "System Activity";
const NETWORKS: &str = "Network Activity";

pub(super) static BASE: Class = Class { uid: 0, name: "Base Event", category: "Uncategorized" };
pub(super) static FILE: Class = Class { uid: 1001, name: "File System Activity", category: SYSTEM };
pub(super) static KERNEL_EXTENSION: Class =
    Class { uid: 1002, name: "Kernel Extension Activity", category: SYSTEM };
pub(super) static KERNEL: Class = Class { uid: 1003, name: "Kernel Activity", category: SYSTEM };
pub(super) static MEMORY: Class = Class { uid: 1004, name: "Memory Activity", category: SYSTEM };
pub(super) static MODULE: Class = Class { uid: 1005, name: "Module Activity", category: SYSTEM };
pub(super) static PROCESS: Class = Class { uid: 1007, name: "Process Activity", category: SYSTEM };
pub(super) static VULNERABILITY: Class =
    Class { uid: 2002, name: "Vulnerability Finding", category: "Findings" };
pub(super) static COMPLIANCE: Class =
    Class { uid: 2003, name: "Compliance Finding", category: "Findings" };
pub(super) static DETECTION: Class =
    Class { uid: 2004, name: "Detection Finding", category: "Findings" };
pub(super) static NETWORK: Class =
    Class { uid: 4001, name: "Network Activity", category: NETWORKS };
pub(super) static DNS: Class = Class { uid: 4003, name: "DNS Activity", category: NETWORKS };
