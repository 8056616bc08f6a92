//! Limits of listing images.

use std::time::Duration;

/// Images of one place or namespace; over it the rest is not listed, and nothing is said to be
/// unused.
pub const IMAGES_LISTED: usize = 4_096;

/// Containers of one place or namespace, in the same way.
pub const CONTAINERS_LISTED: usize = 16_384;

/// Layers of an image: no file system stacks more.
pub const IMAGE_LAYERS: usize = 512;

/// Namespaces of one containerd.
pub const NAMESPACES_LISTED: usize = 256;

/// Bytes of an answer of containerd's with a list.
pub const LIST_BYTES: usize = 64 << 20;

/// How long listing all that one containerd has may take.
pub const LIST_WITHIN: Duration = Duration::from_secs(30);
