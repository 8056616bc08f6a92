//! Values of the configuration that are more than a number: each is what it says, or why it is not.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use nix::unistd::User;

use super::{FLIGHTS, Flight, HOOKS, RawConfig, RawRuntimeRoot, Wrong, address, within, wrong};
use crate::{
    bpf::{hooks::Backend, planner::Choice},
    container::Label,
    enrich::hashes::HashMode,
    flood::FloodLimit,
    limits,
    metadata::{RuntimeKind, RuntimeRoot},
    recorder::RecorderOptions,
};

/// A name that was said, if it can be one.
pub(super) fn name(key: &str, name: Option<String>) -> Result<Option<String>, Wrong> {
    match name {
        Some(name) if name.is_empty() || name.len() > limits::LABEL_BYTES => {
            wrong(key, format!("a name has 1 to {} bytes", limits::LABEL_BYTES))
        }
        name => Ok(name),
    }
}

pub(super) fn labels(raw: BTreeMap<String, String>) -> Result<Vec<Label>, Wrong> {
    if raw.len() > limits::LABELS {
        return wrong("labels", format!("there are more than {}", limits::LABELS));
    }
    let label = |(key, value): (String, String)| {
        let is_short = |text: &str| text.len() <= limits::LABEL_BYTES;
        if key.is_empty() || !is_short(&key) || !is_short(&value) {
            let most = limits::LABEL_BYTES;
            let what = format!("names have 1 to {most} bytes, and texts {most} at most");
            return wrong(format!("labels.{key}"), what);
        }
        Ok(Label { key: key.into(), value: value.into() })
    };
    raw.into_iter().map(label).collect()
}

/// Where runtimes keep their state: in the usual places, where nothing else is said.
pub(super) fn runtime_roots(raw: Vec<RawRuntimeRoot>) -> Result<Vec<RuntimeRoot>, Wrong> {
    let roots = raw.into_iter().enumerate().map(|(index, raw)| runtime_root(index, raw));
    let roots: Vec<RuntimeRoot> = roots.collect::<Result<_, _>>()?;
    Ok(if roots.is_empty() { RuntimeRoot::usual() } else { roots })
}

fn runtime_root(index: usize, raw: RawRuntimeRoot) -> Result<RuntimeRoot, Wrong> {
    let name = raw.kind.as_deref().unwrap_or("containerd");
    let Some(kind) = RuntimeKind::from_name(name) else {
        let what =
            format!("`{name}` is none of {}", RuntimeKind::ALL.map(RuntimeKind::name).join(", "));
        return wrong(format!("runtime_roots[{index}].kind"), what);
    };
    if raw.socket.is_some() && kind != RuntimeKind::Containerd {
        let what = format!("nothing is asked of {name} over a socket: leave it out");
        return wrong(format!("runtime_roots[{index}].socket"), what);
    }
    let root = RuntimeRoot::new(kind, &raw.state);
    Ok(RuntimeRoot { socket: raw.socket.or_else(|| root.socket.clone()), ..root })
}

pub(super) fn ring_bytes(bytes: u32) -> Result<u32, Wrong> {
    if bytes.is_power_of_two() && (65_536..=1 << 30).contains(&bytes) {
        return Ok(bytes);
    }
    wrong("ring_bytes", format!("{bytes} is no power of two between 65536 and 1073741824"))
}

pub(super) fn listen(addresses: &[String]) -> Result<Vec<SocketAddr>, Wrong> {
    let most = limits::METRICS_ADDRESSES;
    if addresses.len() > most {
        return wrong("metrics.listen", format!("there are more than {most}"));
    }
    let read: Result<_, _> = addresses.iter().map(|text| address::parse(text)).collect();
    read.or_else(|what| wrong("metrics.listen", what))
}

/// What is kept of the time around alerts.
pub(super) fn flight(raw: &RawConfig) -> Result<Option<Flight>, Wrong> {
    let name = raw.flight_recorder.as_deref().unwrap_or("rules");
    let seconds = raw.flight_recorder_seconds.unwrap_or(limits::FLIGHT_SECONDS);
    let bytes = raw.flight_recorder_bytes.unwrap_or(limits::FLIGHT_BYTES);
    let seconds = within("flight_recorder_seconds", seconds, limits::FLIGHT_SECONDS_RANGE)?;
    let bytes_max = within("flight_recorder_bytes", bytes, limits::FLIGHT_BYTES_RANGE)?;
    let options = RecorderOptions { window_ns: seconds * 1_000_000_000, bytes_max };
    match name {
        "off" => Ok(None),
        "rules" => Ok(Some(Flight { all: false, options })),
        "all" => Ok(Some(Flight { all: true, options })),
        _ => wrong("flight_recorder", format!("`{name}` is none of {}", FLIGHTS.join(", "))),
    }
}

/// What `hash` may be.
pub(super) const HASHES: [&str; 3] = ["rules", "always", "off"];

pub(super) fn hash(name: &str) -> Result<HashMode, Wrong> {
    let of_none = || wrong("hash", format!("`{name}` is none of {}", HASHES.join(", ")));
    HashMode::from_name(name).map_or_else(of_none, Ok)
}

/// What `learn_profiles_by` may be.
pub(super) const LEARNED_BY: [&str; 2] = ["image", "workload"];

/// What one container can make the kernel tell of.
pub(super) fn flood(raw: &RawConfig) -> Result<FloodLimit, Wrong> {
    let rate = raw.flood_rate.unwrap_or(limits::FLOOD_RATE);
    let burst = raw.flood_burst.unwrap_or(limits::FLOOD_BURST);
    Ok(FloodLimit {
        rate: within("flood_rate", rate, limits::FLOOD_RATE_RANGE)?,
        burst: within("flood_burst", burst, limits::FLOOD_BURST_RANGE)?,
    })
}

/// How often heartbeats are sent, and for how long repeats are gathered.
pub(super) fn times(raw: &RawConfig) -> Result<(Duration, Duration), Wrong> {
    let heartbeat = raw.heartbeat_seconds.unwrap_or(limits::HEARTBEAT_SECONDS);
    let heartbeat = within("heartbeat_seconds", heartbeat, limits::HEARTBEAT_RANGE)?;
    let rollup = raw.rollup_seconds.unwrap_or(limits::ROLLUP_SECONDS);
    let rollup = within("rollup_seconds", rollup, limits::ROLLUP_RANGE)?;
    Ok((Duration::from_secs(heartbeat), Duration::from_secs(rollup)))
}

/// Whether each workload has a profile of its own, and not each image.
pub(super) fn by_workload(what: Option<&str>) -> Result<bool, Wrong> {
    match what.unwrap_or("image") {
        "image" => Ok(false),
        "workload" => Ok(true),
        other => {
            let known = LEARNED_BY.join(", ");
            wrong("learn_profiles_by", format!("`{other}` is none of {known}"))
        }
    }
}

/// A user id; None is root's.
pub(super) fn run_as(user: &str) -> Result<Option<u32>, Wrong> {
    let named = || User::from_name(user).ok().flatten().map(|user| user.uid.as_raw());
    match user.parse().ok().or_else(named) {
        // The last number stands for no user.
        Some(uid) if uid != u32::MAX => Ok((uid != 0).then_some(uid)),
        _ => wrong("run_as", format!("there is no user `{user}` on this host")),
    }
}

pub(super) fn hooks(name: &str) -> Result<Choice, Wrong> {
    match name {
        "auto" => Ok(Choice::Auto),
        "fentry" => Ok(Choice::Only(Backend::Fentry)),
        "kprobe" => Ok(Choice::Only(Backend::Kprobe)),
        "fallback" => Ok(Choice::Only(Backend::Fallback)),
        other => wrong("hooks", format!("`{other}` is none of {}", HOOKS.join(", "))),
    }
}

/// Bytes that the store may take.
pub(super) fn store_bytes(asked: Option<u64>) -> Result<u64, Wrong> {
    within("store_bytes", asked.unwrap_or(limits::STORE_BYTES), limits::STORE_BYTES_RANGE)
}
