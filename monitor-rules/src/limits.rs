//! Every bound that this crate puts on its input, in one place, each with its reason.

/// Bytes of one rule file. The largest public rule file is about 60 KiB.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Files of one rule set.
pub const FILES_MAX: usize = 1024;

/// Nesting of YAML mappings and sequences. Rule files need five levels.
pub const YAML_DEPTH_MAX: usize = 32;

/// YAML nodes of one file, counted after aliases are expanded, so that a few lines of nested
/// aliases cannot fill the memory.
pub const YAML_NODES_MAX: usize = 500_000;

/// Bytes of texts in one file that aliases repeat, for the same reason.
pub const YAML_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Rules, macros and lists of one rule set, each.
pub const DEFINITIONS_MAX: usize = 20_000;

/// Bytes of one condition, after what later files append to it.
pub const CONDITION_BYTES_MAX: usize = 128 * 1024;

/// Nesting of parentheses, `not`, transformers and lists in one condition, of macros in macros,
/// and of lists in lists. It bounds the stack that parsing, compiling and evaluating take.
pub const CONDITION_DEPTH_MAX: usize = 64;

/// Checks and connectives of one rule after its macros are expanded. Macros that use macros twice
/// grow as powers of two; this bounds the cost of one evaluation.
pub const CONDITION_TERMS_MAX: usize = 50_000;

/// Values of one list after the lists that it names are expanded: about 100 MiB of texts.
pub const LIST_ITEMS_MAX: usize = 1_000_000;

/// Values that the lists of one rule set expand to, counted anew wherever one is used, with the
/// names of lists among them: lists of lists can be empty and still grow as powers of ten.
pub const LIST_EXPANSIONS_MAX: usize = 5_000_000;

/// Names of macros and lists that unknown words of one rule set are compared with, to suggest the
/// nearest. Beyond that nothing is suggested: else the cost would be names times words.
pub const NAMES_COMPARED_MAX: usize = 500_000;

/// Bytes of a file of values.
pub const INDICATOR_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes that one compiled `regex` or `glob` may take.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Diagnostics that are kept; one more says how many were left out.
pub const DIAGNOSTICS_MAX: usize = 500;

/// Matches that one alert may be made of.
pub const AGGREGATE_COUNT_MAX: usize = 10_000;

/// Steps of a sequence.
pub const AGGREGATE_STEPS_MAX: usize = 16;

/// Keys that events are gathered for at once, of all rules together: about 10 MiB.
pub const AGGREGATE_KEYS_MAX: usize = 50_000;

/// Events that are remembered while they are gathered, of all rules together: 16 MiB.
pub const AGGREGATE_ENTRIES_MAX: usize = 1_000_000;

/// Kinds of event that a schema may have: a [`KindSet`](crate::KindSet) is one machine integer.
pub const KINDS_MAX: usize = 128;
