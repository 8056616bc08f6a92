//! Limits of what containerd is asked about, and of listing images.

use std::time::Duration;

/// Bytes of a container's id, or of the name of a namespace, that containerd is asked about: either
/// is the name of a directory. A longer one is not asked about (`too_large`).
pub const RUNTIME_ID_BYTES: usize = 255;

/// Bytes of a name that containerd is asked about or answers with, such as an image's; a longer one
/// is not asked about (`too_large`), and not kept.
pub const RUNTIME_NAME_BYTES: usize = 4_096;

/// Bytes of a pod's annotation that are kept: all of a pod have no more in Kubernetes.
pub const POD_ANNOTATION_BYTES: usize = 256 << 10;

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
