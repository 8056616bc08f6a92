//! What was found, for people, as JSON, and as a bill of materials.

use jiff::Timestamp;
use monitor_inventory::{
    Inventory, Kind, Package, Problem,
    lifecycle::{Annotated, Verdict},
    sbom::{self, Subject as Of},
};
use serde_json::{Value, json};

use super::{Looked, Subject};
use crate::{
    commands::rules::table,
    container::{Container, short},
    document::printable::terminal,
    fact::Fact,
    metadata::running::Running,
    node,
    packages::{Reading, RootTold},
    support::{
        Support,
        runtimes::{self, Runtime},
        words,
    },
    usage::FileIndex,
};

/// Problems of one root that are told to people; JSON tells all.
const PROBLEMS: usize = 8;

fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

fn known(fact: &Fact<Box<str>>) -> Option<&str> {
    fact.known().map(|it| &**it)
}

impl Looked<'_> {
    pub(in crate::commands) fn container(&self) -> Option<&Container> {
        match &self.subject {
            Subject::Host => None,
            Subject::Container(it) => Some(&it.container),
        }
    }

    pub(in crate::commands) fn name(&self) -> &str {
        match self.container() {
            None => "host",
            Some(it) => known(&it.name).unwrap_or_else(|| short(&it.id)),
        }
    }

    pub(in crate::commands) fn running(&self) -> Option<&Running> {
        match &self.subject {
            Subject::Host => None,
            Subject::Container(it) => Some(it),
        }
    }

    pub(in crate::commands) fn told(&self) -> Option<RootTold> {
        self.found.as_ref().ok().map(|(told, _)| *told)
    }

    pub(in crate::commands) fn not_read(&self) -> Option<&'static str> {
        self.found.as_ref().err().map(|reason| reason.name())
    }

    /// What of that which is installed is not known, for people: some of it, and how much more.
    pub(in crate::commands) fn gaps(&self) -> Vec<String> {
        let Ok((told, inventory)) = &self.found else { return Vec::new() };
        let mut gaps = Vec::new();
        if told.is_changed {
            let text = "a database of packages was changed since it started; this is what its \
                        image brought";
            gaps.push(text.to_owned());
        }
        let problem = |it: &Problem| format!("{}: {}", shown(&it.path), it.kind.says());
        gaps.extend(inventory.problems.iter().take(PROBLEMS).map(problem));
        let untold = inventory.problems.len().saturating_sub(PROBLEMS) as u64;
        let more = untold + inventory.more_problems;
        if more > 0 {
            gaps.push(format!("and {more} more; `runmon inventory --output json` tells them"));
        }
        gaps
    }

    pub(in crate::commands) fn files(&self) -> Option<&FileIndex> {
        self.files.as_deref()
    }

    pub(in crate::commands) fn inventory(&self) -> Option<&Inventory> {
        self.found.as_ref().ok().map(|(_, inventory)| &**inventory)
    }
}

/// For people: a line for each root, the programs that run containers, and what to know of these.
pub(super) fn text(looked: &[Looked<'_>], support: &Support) -> String {
    let head = ["NAME", "CONTAINER", "IMAGE", "SYSTEM", "SUPPORT", "PACKAGES"].map(str::to_owned);
    let rows = looked.iter().map(|it| row(it, support));
    let mut text = table(std::iter::once(head).chain(rows).collect());
    let host = looked.iter().find(|it| it.container().is_none()).and_then(Looked::inventory);
    let programs = host.map(|host| runtimes::of(host, support)).unwrap_or_default();
    if !programs.is_empty() {
        let head = ["RUNTIME", "VERSION", "GO", "UPSTREAM", "PACKAGE", "PATH"].map(str::to_owned);
        text.push('\n');
        text.push_str(&table(std::iter::once(head).chain(programs.iter().map(runtime)).collect()));
    }
    let remarks: Vec<String> = looked.iter().flat_map(|it| remarks(it, support)).collect();
    if !remarks.is_empty() {
        text.push('\n');
        remarks.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    }
    text
}

fn row(looked: &Looked<'_>, support: &Support) -> [String; 6] {
    let dash = || "-".to_owned();
    let id = looked.container().map_or_else(dash, |it| shown(short(&it.id)));
    let image = looked.container().and_then(|it| known(&it.image)).map_or_else(dash, shown);
    let Some(inventory) = looked.inventory() else {
        return [shown(looked.name()), id, image, dash(), dash(), "not read".to_owned()];
    };
    let os = inventory.os.as_ref();
    let counts = Kind::ALL.into_iter().map(|kind| (kind, inventory.count(kind)));
    let counts = counts.filter(|(_, count)| *count > 0);
    let counts: Vec<String> =
        counts.map(|(kind, count)| format!("{} {count}", kind.name())).collect();
    [
        shown(looked.name()),
        id,
        image,
        os.map_or_else(|| "unknown".to_owned(), |os| shown(os.label())),
        words(&support.os(os)),
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") },
    ]
}

fn runtime(it: &Runtime) -> [String; 6] {
    let or_dash = |text: Option<&str>| match text {
        None | Some("") => "-".to_owned(),
        Some(text) => shown(text),
    };
    [
        shown(&it.name),
        or_dash(Some(&it.version)),
        or_dash(it.go.as_deref()),
        words(&it.upstream),
        or_dash(it.package.as_deref()),
        or_dash(Some(&it.path)),
    ]
}

/// What to know of what was found in a root.
fn remarks(looked: &Looked<'_>, support: &Support) -> Vec<String> {
    let name = shown(looked.name());
    let told = match &looked.found {
        Ok((told, _)) => told,
        Err(reason) => return vec![format!("{name}: its root is not read: {}", reason.name())],
    };
    let mut remarks = Vec::new();
    if told.reading == Reading::AsSeen {
        remarks.push(format!("{name}: read as root in it sees it, who may have changed it"));
    }
    if let Some((said, state)) = looked.container().and_then(|it| support.image(it)) {
        remarks.push(match said {
            Annotated::Date(date) => {
                format!("{name}: its publisher says {date} of its image: {}", state.name())
            }
            Annotated::Unknown(text) => {
                let text = shown(text.trim());
                format!("{name}: its publisher says `{text}` of its image, which is no day")
            }
        });
    }
    remarks.extend(looked.gaps().into_iter().map(|it| format!("{name}: {it}")));
    remarks
}

/// The packages of what was asked for.
pub(super) fn packages(looked: &[Looked<'_>]) -> String {
    let head = ["KIND", "NAME", "VERSION", "SOURCE", "PATH"].map(str::to_owned);
    let row = |it: &Package| {
        let source = it.source.as_ref().filter(|source| source.name != it.name);
        let place = match (&it.brought_by, it.kind.is_of_os()) {
            (_, true) => "-".to_owned(),
            (Some(owner), _) => format!("{} ({})", shown(&it.path), shown(owner)),
            (None, _) => shown(&it.path),
        };
        let version = if it.version.is_empty() { "-".to_owned() } else { shown(&it.version) };
        let source = source.map_or("-".to_owned(), |source| shown(&source.name));
        [it.kind.name().to_owned(), shown(&it.name), version, source, place]
    };
    let all = looked.iter().filter_map(Looked::inventory).flat_map(|it| &it.packages);
    let mut text = table(std::iter::once(head).chain(all.map(row)).collect());
    for it in looked {
        if let Err(reason) = &it.found {
            let name = shown(it.name());
            text.push_str(&format!("{name}: its root is not read: {}\n", reason.name()));
        }
    }
    text
}

/// For programs.
pub(super) fn json(looked: &[Looked<'_>], support: &Support, with_packages: bool) -> Value {
    let host = looked.iter().find(|it| it.container().is_none()).and_then(Looked::inventory);
    let programs = host.map(|host| runtimes::of(host, support)).unwrap_or_default();
    let runtime = |it: &Runtime| {
        json!({
            "name": it.name,
            "version": it.version,
            "go": it.go,
            "path": it.path,
            "package": it.package,
            "upstream": verdict(&it.upstream),
        })
    };
    json!({
        "today": support.today.to_string(),
        "lifecycle": {
            "as_of": support.table.as_of().to_string(),
            "support": support.tier.name(),
        },
        "roots_read": looked.iter().filter(|it| it.found.is_ok() && !it.is_shared).count(),
        "roots": looked.iter().map(|it| root(it, support, with_packages)).collect::<Vec<_>>(),
        "runtimes": programs.iter().map(runtime).collect::<Vec<_>>(),
    })
}

fn verdict(verdict: &Verdict) -> Value {
    json!({
        "state": verdict.state.name(),
        "until": verdict.until.map(|it| it.to_string()),
        "tier": verdict.tier.map(monitor_inventory::lifecycle::Tier::name),
        "about": &*verdict.about,
        "source": &*verdict.source,
    })
}

fn root(looked: &Looked<'_>, support: &Support, with_packages: bool) -> Value {
    let container = looked.container();
    let fact = |of: fn(&Container) -> &Fact<Box<str>>| container.and_then(|it| known(of(it)));
    let (told, inventory) = match &looked.found {
        Ok((told, inventory)) => (Some(told), Some(&**inventory)),
        Err(_) => (None, None),
    };
    let os = inventory.and_then(|it| it.os.as_ref());
    let counts = inventory.map(|inventory| {
        let count = |kind: Kind| (kind.name().to_owned(), inventory.count(kind).into());
        Kind::ALL.into_iter().map(count).collect::<serde_json::Map<_, _>>()
    });
    let problem = |it: &Problem| json!({"path": &*it.path, "kind": it.kind.name()});
    let packages = inventory
        .filter(|_| with_packages)
        .map(|it| it.packages.iter().map(|package| of_package(package, it)).collect::<Vec<_>>());
    let said = container.and_then(|it| support.image(it)).map(|(said, state)| match said {
        Annotated::Date(date) => json!({"date": date.to_string(), "state": state.name()}),
        Annotated::Unknown(text) => json!({"text": &**text, "state": state.name()}),
    });
    json!({
        "name": looked.name(),
        "container": container.map(|it| &*it.id),
        "image": fact(|it| &it.image),
        "image_digest": fact(|it| &it.image_digest),
        "read": told.map(|it| match it.reading {
            Reading::Host => "host",
            Reading::Layers => "layers",
            Reading::AsSeen => "as_seen",
        }),
        "not_read": looked.found.as_ref().err().map(|reason| reason.name()),
        "is_shared": looked.is_shared,
        "database_changed": told.map(|it| it.is_changed),
        "os": os.map(|os| json!({
            "id": &*os.id, "version": os.version.as_deref(), "name": os.label(),
        })),
        "lifecycle": verdict(&support.os(os)),
        "end_of_life": said,
        "counts": counts,
        "problems": inventory.map(|it| it.problems.iter().map(problem).collect::<Vec<_>>()),
        "more_problems": inventory.map(|it| it.more_problems),
        "packages": packages,
    })
}

fn of_package(package: &Package, inventory: &Inventory) -> Value {
    let os = inventory.os.as_ref();
    let source = package.source.as_ref();
    let osv = package.osv(os);
    json!({
        "kind": package.kind.name(),
        "name": &*package.name,
        "version": &*package.version,
        "source": source.map(|it| json!({"name": &*it.name, "version": &*it.version})),
        "architecture": package.architecture.as_deref(),
        "licence": package.licence.as_deref(),
        "path": &*package.path,
        "brought_by": package.brought_by.as_deref(),
        "purl": package.purl(os),
        "osv": osv.map(|it| json!({
            "ecosystem": it.ecosystem, "name": it.name, "version": it.version,
        })),
    })
}

/// The bill of materials of all of them.
pub(super) fn bill(looked: &[Looked<'_>], asked: Option<&str>) -> String {
    let timestamp = Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string();
    let tool = ("runmon".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let of = |name: &str, is_image: bool, version: Option<&str>| Of {
        name: name.to_owned(),
        is_image,
        version: version.map(str::to_owned),
        timestamp: timestamp.clone(),
        tool: tool.clone(),
    };
    let host = of(&node::hostname(), false, None);
    let subject = |it: &Looked<'_>| match it.container() {
        None => host.clone(),
        Some(container) => {
            let name = known(&container.image).unwrap_or_else(|| it.name());
            of(name, true, known(&container.image_digest))
        }
    };
    let subjects: Vec<Of> = looked.iter().map(subject).collect();
    let found = subjects.iter().zip(looked);
    let found: Vec<(&Of, &Inventory)> =
        found.filter_map(|(of, looked)| Some((of, looked.inventory()?))).collect();
    let whole = match (asked, subjects.first()) {
        (Some(_), Some(one)) => one,
        _ => &host,
    };
    format!("{:#}\n", sbom::cyclonedx(whole, &found))
}
