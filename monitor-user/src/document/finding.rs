//! [`Finding`]: what is wrong without an event to show for it, such as rules that cannot be read.

use monitor_rules::Priority;

/// A finding about the monitor itself. It goes where alerts go: who reads those must know when they
/// may be silent for another reason than quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Number of the finding in this run, from 1.
    pub sequence: u64,
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// What is found, always in the same words: it stands where the name of a rule does.
    pub name: &'static str,
    /// How much it matters.
    pub priority: Priority,
    /// What exactly, for people.
    pub text: String,
    /// The container that it is about, if it is about one.
    pub container: Option<String>,
}

/// The name of the finding that new rules cannot be used.
pub const RULES_REFUSED: &str = "Rules cannot be reloaded";
/// The name of the finding that the sinks of a configuration that was read again cannot be used.
pub const SINKS_REFUSED: &str = "Sinks cannot be reloaded";
/// The name of the finding that another policy of what may run cannot be used.
pub const POLICY_REFUSED: &str = "The policy of images cannot be reloaded";
/// The name of the finding that hooks which new rules need cannot be attached.
pub const HOOKS_REFUSED: &str = "Hooks for new rules cannot be attached";
/// The name of the finding that a container made the kernel leave out records by having too many.
pub const FLOOD: &str = "Flood of events";
/// The name of the finding that a rule asks for hashes of files, which are switched off.
pub const HASH_OFF: &str = "Rules ask for hashes that are off";
/// The name of the finding that a program of the monitor's own does not see acts any more.
pub const HOOK_SILENT: &str = "A hook went silent";
/// The name of the finding that another process changed what the monitor's programs look for.
pub const MAP_CHANGED: &str = "A map of the monitor was changed";
/// The name of the finding that the clock of the host was set.
pub const CLOCK_SET: &str = "The clock was set";
/// The name of the finding that a container does what a profile that only watches does not expect.
pub const PROFILE_DIFFERS: &str = "An image differs from its profile";
/// The name of the finding that a container did much that is new at once, which is not learned.
pub const PROFILE_BURST: &str = "A burst of new behaviour is not learned";
/// The name of the finding that profiles which were read again cannot be used.
pub const PROFILES_REFUSED: &str = "Profiles cannot be reloaded";
/// The name of the finding that what waits for sinks cannot be written down.
pub const STORE_FAILING: &str = "The store cannot be written";
/// The name of the finding that what waited for sinks was lost.
pub const STORE_FULL: &str = "The store is full";
/// The name of the finding that something of what waited for sinks cannot be read any more.
pub const STORE_BROKEN: &str = "The store was damaged";
/// The name of the finding that it cannot be written down which findings are open.
pub const STATES_FAILING: &str = "Open findings cannot be written";
/// The name of the finding that the task of a sink or of the store ended by itself.
pub const TASK_GONE: &str = "A task of the monitor ended";
/// The name of the finding that what is known of vulnerabilities cannot be used, or is old.
pub const VULNERABILITY_DATA: &str = "Data about vulnerabilities are old or cannot be used";
