//! What was found, for people and as JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Found, Told};
use crate::{
    commands::{rules::table, running::shown},
    container::short,
    images::{Decision, Engine, Image, RunState, Store, Use, freed},
};

/// What stands for an age or a size that is not known.
const UNKNOWN: &str = "-";

/// For people: a line for each image, then what is to be known of them, or the plan.
pub(super) fn text(found: &Found<'_>) -> String {
    let mut text = match &found.plan {
        Some(plan) => planned(found, plan),
        None => listed(found),
    };
    for why in &found.lacks {
        text.push_str(&format!("not read: {}\n", shown(why)));
    }
    text
}

fn listed(found: &Found<'_>) -> String {
    let head = ["IMAGE", "ENGINE", "ID", "AGE", "SIZE", "USED BY", "NOTES"].map(str::to_owned);
    let rows = found.images.iter().map(|it| {
        let notes: Vec<&str> = it.verdicts.iter().map(|verdict| verdict.kind.name()).collect();
        let mut notes: Vec<&str> = notes.into_iter().chain(marks(it)).collect();
        notes.dedup();
        let age = it.image.created_ns.map(|at| format!("{} d", found.judge.days_since(at)));
        [
            title(it.image),
            engine(it.store),
            short(it.image.id.as_str()).to_owned(),
            age.unwrap_or_else(|| UNKNOWN.to_owned()),
            it.image.bytes().map_or_else(|| UNKNOWN.to_owned(), amount),
            users(&it.users),
            notes.join(" "),
        ]
    });
    let mut text = table(std::iter::once(head).chain(rows).collect());
    let all = found.images.iter().map(|it| it.image);
    let (count, bytes) = (images(found.images.len()), amount(freed(all, [])));
    text.push_str(&format!("{count}, {bytes} with what they share counted once\n"));
    for it in &found.superseded {
        text.push_str(&format!("superseded: {}\n", shown(&it.to_string())));
    }
    for it in &found.images {
        // Each container that is superseded has a line of its own.
        let told = it.verdicts.iter().filter(|verdict| verdict.kind.name() != "running_superseded");
        for verdict in told {
            let (name, reason) = (verdict.kind.name(), shown(&verdict.reason));
            text.push_str(&format!("{}: {name}: {reason}\n", title(it.image)));
        }
    }
    text
}

/// What is to be known of an image beside verdicts.
fn marks<'i>(it: &Told<'i>) -> impl Iterator<Item = &'static str> + use<'i> {
    let is_sandbox = it.image.is_pause() || it.users.iter().any(|user| user.is_sandbox);
    [(it.image.is_pinned, "pinned"), (is_sandbox, "sandbox")]
        .into_iter()
        .filter_map(|(is_so, name)| is_so.then_some(name))
}

fn planned(found: &Found<'_>, plan: &[Decision<'_>]) -> String {
    let mut ordered: Vec<&Decision<'_>> = plan.iter().collect();
    ordered.sort_by_key(|it| !it.removes);
    let head = ["PLAN", "IMAGE", "ENGINE", "SIZE", "WHY"].map(str::to_owned);
    let row = |it: &&Decision<'_>| {
        [
            if it.removes { "remove" } else { "keep" }.to_owned(),
            title(it.image),
            engine(it.store),
            it.image.bytes().map_or_else(|| UNKNOWN.to_owned(), amount),
            shown(&it.reasons.join("; ")),
        ]
    };
    let mut text = table(std::iter::once(head).chain(ordered.iter().map(row)).collect());
    let gone = plan.iter().filter(|it| it.removes).count();
    let (bytes, count) = (amount(freed_by(plan)), images(gone));
    text.push_str(&format!("{count} could go, which would free {bytes}; nothing was removed\n"));
    if gone > 0 {
        text.push_str("to remove them, look once more that nothing uses them, and type:\n");
    }
    for it in ordered.iter().filter(|it| it.removes) {
        text.push_str(&format!("  {}\n", shown(&command(it))));
    }
    if found.has_kubelet {
        text.push_str(KUBELET);
    }
    text
}

/// What to do where a kubelet is.
const KUBELET: &str = "\
a kubelet is here: it counts on the images that it fetched, and removes them itself. Have it\n\
remove what is unused: imageMaximumGCAge in its configuration, as `imageMaximumGCAge: 720h`\n";

/// What would be free without the images that could go. Each engine has layers of its own.
fn freed_by(plan: &[Decision<'_>]) -> u64 {
    let mut stores: Vec<&Store> = plan.iter().map(|it| it.store).collect();
    stores.dedup_by(|one, other| std::ptr::eq(*one, *other));
    let place = |it: &Store| (it.engine, it.place.clone());
    let mut places: Vec<_> = stores.into_iter().map(place).collect();
    places.sort();
    places.dedup();
    let of = |wanted: &(Engine, std::path::PathBuf), removes: bool| -> Vec<&Image> {
        let of_it = plan.iter().filter(|it| place(it.store) == *wanted && it.removes == removes);
        of_it.map(|it| it.image).collect()
    };
    // Namespaces of one containerd share what they have.
    places.iter().map(|it| freed(of(it, true), of(it, false))).sum()
}

/// What a person would type to remove an image.
fn command(it: &Decision<'_>) -> String {
    let (image, store) = (it.image, it.store);
    match store.engine {
        Engine::Docker => format!("docker image rm {}", names_or_id(image)),
        Engine::Storage => {
            let root = quoted(&store.place.to_string_lossy());
            format!("podman --root {root} image rm {}", names_or_id(image))
        }
        Engine::Containerd => {
            let (socket, space) = (store.place.to_string_lossy(), &store.namespace);
            let (socket, space) = (quoted(&socket), quoted(space));
            let names: Vec<String> = image.names.iter().map(|name| quoted(name)).collect();
            format!("ctr --address {socket} --namespace {space} images rm {}", names.join(" "))
        }
        Engine::Other => String::new(),
    }
}

/// An image that has several names goes with the last of them.
fn names_or_id(image: &Image) -> String {
    if image.names.is_empty() {
        return quoted(&image.id);
    }
    image.names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ")
}

/// A word of a shell. Names are others' to choose.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+".contains(&byte);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn title(image: &Image) -> String {
    let more = image.names.len().saturating_sub(1);
    let title = shown(image.title());
    if more == 0 { title } else { format!("{title} (+{more})") }
}

fn engine(store: &Store) -> String {
    match &*store.namespace {
        "" => store.engine.name().to_owned(),
        namespace => format!("{}/{}", store.engine.name(), shown(namespace)),
    }
}

fn users(users: &[&Use]) -> String {
    let running = users.iter().filter(|it| it.state == RunState::Running).count();
    match (running, users.len() - running) {
        (0, 0) => "nobody".to_owned(),
        (running, 0) => format!("{running} running"),
        (0, stopped) => format!("{stopped} stopped"),
        (running, stopped) => format!("{running} running, {stopped} stopped"),
    }
}

fn images(number: usize) -> String {
    format!("{number} image{}", if number == 1 { "" } else { "s" })
}

/// Bytes as people read them.
fn amount(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{:.0} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{mib:.1} MiB"),
        _ => format!("{:.1} GiB", mib / 1024.0),
    }
}

fn moment(ns: Option<i64>) -> Option<String> {
    let seconds = ns?.div_euclid(1_000_000_000);
    Timestamp::from_second(seconds).ok().map(|it| it.to_string())
}

/// For programs: all of it.
pub(super) fn json(found: &Found<'_>) -> Value {
    let superseded = found.superseded.iter().map(|it| {
        json!({
            "container": it.container,
            "container_id": it.container_id,
            "engine": it.engine.name(),
            "name": it.name,
            "runs": it.runs,
            "now": it.now,
        })
    });
    let removed = |plan: &Vec<Decision<'_>>| plan.iter().filter(|it| it.removes).count();
    json!({
        "images": found.images.iter().map(|it| told(it, found)).collect::<Vec<_>>(),
        "superseded": superseded.collect::<Vec<_>>(),
        "plan": found.plan.as_ref().map(|plan| json!({
            "images": plan.iter().map(decision).collect::<Vec<_>>(),
            "removes": removed(plan),
            "frees_bytes": freed_by(plan),
            "recommends": found.has_kubelet.then_some("imageMaximumGCAge"),
        })),
        "has_kubelet": found.has_kubelet,
        "not_read": found.lacks,
    })
}

fn told(it: &Told<'_>, found: &Found<'_>) -> Value {
    let Told { store, image, users, last, verdicts } = it;
    let of = |state: RunState| -> Vec<Value> {
        let users = users.iter().filter(|it| it.state == state);
        let user = |it: &&Use| {
            let last = moment(it.last_ns);
            json!({ "id": it.id, "name": it.name, "is_sandbox": it.is_sandbox, "last": last })
        };
        users.map(user).collect()
    };
    let verdict =
        |it: &crate::images::Verdict| json!({ "name": it.kind.name(), "reason": it.reason });
    let (quiet, why) = match &last.quiet_since_ns {
        Ok(since) => (moment(Some(*since)), None),
        Err(why) => (None, Some(why)),
    };
    json!({
        "engine": store.engine.name(),
        "namespace": store.namespace,
        "place": store.place.to_string_lossy(),
        "names": image.names,
        "digests": image.digests,
        "id": image.id,
        "created": moment(image.created_ns),
        "arrived": moment(image.arrived_ns),
        "age_days": image.created_ns.map(|at| found.judge.days_since(at)),
        "size_bytes": image.bytes(),
        "is_pinned": image.is_pinned,
        "is_sandbox": image.is_pause() || users.iter().any(|user| user.is_sandbox),
        "running": of(RunState::Running),
        "stopped": of(RunState::Stopped),
        "seen_in_use": moment(last.seen_ns),
        "unused_since": quiet.filter(|_| users.is_empty()),
        "unused_since_unknown": why.filter(|_| users.is_empty()),
        "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

fn decision(it: &Decision<'_>) -> Value {
    json!({
        "engine": it.store.engine.name(),
        "namespace": it.store.namespace,
        "names": it.image.names,
        "id": it.image.id,
        "decision": if it.removes { "remove" } else { "keep" },
        "reasons": it.reasons,
        "size_bytes": it.image.bytes(),
        "command": it.removes.then(|| command(it)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word_a_name() {
        for (text, expected) in [
            ("reg:5000/a/b:1@sha256:0", "reg:5000/a/b:1@sha256:0"),
            ("a; rm -rf /", "'a; rm -rf /'"),
            ("it's", r"'it'\''s'"),
            ("--all", "'--all'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), expected, "{text}");
        }
        assert_eq!(
            [1, 2_048, 5 << 20, 3 << 30].map(amount),
            ["1 B", "2 KiB", "5.0 MiB", "3.0 GiB"]
        );
    }
}
