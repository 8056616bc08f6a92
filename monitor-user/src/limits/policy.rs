//! Limits of policies of what may run, and of what is kept to judge by them.

/// Bytes of a policy's file.
pub const POLICY_BYTES: u64 = 4 << 20;

/// Registries, repositories, digests and exceptions of a policy together; one that has more is
/// refused.
pub const POLICY_ENTRIES: usize = 16_384;

/// First programs of containers that wait longer than others for what is known of their images;
/// further ones are decided as they are: as `unknown`.
pub const LATE_STARTS: usize = 1_024;

/// Bytes of a manifest or configuration of an image that containerd is asked for; of a larger one
/// it is not known when it was made.
pub const IMAGE_DOCUMENT_BYTES: usize = 1 << 20;

/// Images of which one connection to containerd remembers when they were made.
pub const IMAGES_CREATED: usize = 256;
