//! Limits of listening to how listeners are spoken to.

use std::time::Duration;

/// Ports of one tap; further ones are listened to at another time.
pub const TAP_PORTS: usize = 24;

/// Bytes of a packet that are taken: the answer to a TLS client's beginning has its certificates.
pub const TAP_PACKET_BYTES: usize = 16 << 10;

/// Bytes of packets that may wait in a tap; what is over it is left out by the kernel.
pub const TAP_BYTES: usize = 1 << 20;

/// Packets that are taken of a tap at once.
pub const TAP_BATCH: usize = 256;

/// Packets of one look; it is over when they have come.
pub const TAP_PACKETS: usize = 8_192;

/// How often a tap is emptied.
pub const TAP_EVERY: Duration = Duration::from_millis(100);

/// How long one look of the daemon takes, at most.
pub const TAP_LOOK: Duration = Duration::from_secs(5);

/// Connections of one look whose beginnings are kept; further ones are not looked at.
pub const TAP_CONNECTIONS: usize = 256;

/// Bytes of a client's beginning that are kept until it is judged.
pub const TAP_CLIENT_BYTES: usize = 4 << 10;

/// Bytes of a server's, likewise.
pub const TAP_SERVER_BYTES: usize = 16 << 10;

/// Networks whose listeners wait to be listened to; further ones are asked for again later.
pub const TAP_WISHES: usize = 256;

/// Taps that `runmon posture` has open at once; the daemon has one.
pub const TAPS: usize = 32;

/// Listeners of which it is known how they are spoken to; who was not looked at for longest goes.
pub const HEARD_LISTENERS: usize = 4_096;

/// After how long a listener is listened to again that said nothing; then twice as long each time.
pub const HEARD_AGAIN: Duration = Duration::from_secs(60);

/// After how long at most, and one of which it is known: who serves may be told otherwise.
pub const HEARD_AGAIN_MAX: Duration = Duration::from_secs(3_600);

/// Seconds for which `runmon posture` may listen.
pub const TRAFFIC_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
