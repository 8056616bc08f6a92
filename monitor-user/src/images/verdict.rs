//! What is to be said of an image, each with its reason.

use monitor_inventory::lifecycle::{Annotated, Date, DateMap, annotated};

use super::{DAY_NS, Engine, Handle, Image, LastUse, RunState, Store, Use, handles};

/// The label by which publishers say the last day of an image.
const END_OF_LIFE: &str = "vnd.microsoft.artifact.lifecycle.end-of-life.date";

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    /// A container runs it, and its name means another image by now.
    RunningSuperseded,
    /// Its publisher's last day is over.
    EndOfLife,
    /// Its publisher names a day that cannot be read.
    EndOfLifeUnknown,
    /// It was made long ago.
    Old,
    /// No container is of it.
    Unused,
}

impl VerdictKind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunningSuperseded => "running_superseded",
            Self::EndOfLife => "end_of_life",
            Self::EndOfLifeUnknown => "end_of_life_unknown",
            Self::Old => "old",
            Self::Unused => "unused",
        }
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What.
    pub kind: VerdictKind,
    /// Why.
    pub reason: String,
}

/// Who says it.
#[derive(Clone, Debug)]
pub struct Judge {
    /// Now, nanoseconds since 1970.
    pub now_ns: i64,
    /// The day of that.
    pub today: Date,
    /// Last days by digest.
    pub dates: DateMap,
    /// After how many days an image is old.
    pub old_days: u32,
}

impl Judge {
    /// How many whole days ago that was.
    #[must_use]
    pub fn days_since(&self, then_ns: i64) -> i64 {
        self.now_ns.saturating_sub(then_ns).max(0) / DAY_NS
    }

    /// All that is to be said of an image.
    #[must_use]
    pub fn verdicts(
        &self,
        image: &Image,
        users: &[&Use],
        superseded: &[Superseded],
        last: &LastUse,
    ) -> Vec<Verdict> {
        let mut all = Vec::new();
        let mut say = |kind, reason| all.push(Verdict { kind, reason });
        for it in superseded.iter().filter(|it| it.is_of(image)) {
            say(VerdictKind::RunningSuperseded, it.to_string());
        }
        match end_of_life(image, &self.dates) {
            Some(Annotated::Date(day)) if day < self.today => {
                say(VerdictKind::EndOfLife, format!("its support ended on {day}"));
            }
            Some(Annotated::Unknown(text)) => {
                let reason = format!("its last day is said as `{text}`, which is none");
                say(VerdictKind::EndOfLifeUnknown, reason);
            }
            _ => {}
        }
        let age = image.created_ns.map(|at| self.days_since(at));
        if let Some(days) = age.filter(|days| *days > i64::from(self.old_days)) {
            say(VerdictKind::Old, format!("it was made {days} days ago"));
        }
        if users.is_empty() {
            let since = match (&last.quiet_since_ns, last.seen_ns) {
                (Ok(since), _) => format!("and none was seen for {} days", self.days_since(*since)),
                (Err(why), Some(seen)) => {
                    let days = self.days_since(seen);
                    format!(
                        "one was seen {days} days ago; whether later ones were, is unknown: {why}"
                    )
                }
                (Err(why), None) => format!("since when is unknown: {why}"),
            };
            say(VerdictKind::Unused, format!("no container is of it, {since}"));
        }
        all
    }
}

/// What the publisher of an image says of its last day: in a label, or else in a map.
#[must_use]
pub fn end_of_life(image: &Image, dates: &DateMap) -> Option<Annotated> {
    let label = image.labels.get(END_OF_LIFE).map(|text| annotated(text));
    let id = format!("sha256:{}", image.id.trim_start_matches("sha256:"));
    let digests = image.digests.iter().chain([&id]).map(String::as_str);
    // An unreadable label does not hide what the map says.
    label
        .clone()
        .filter(|it| matches!(it, Annotated::Date(_)))
        .or_else(|| dates.of(digests).cloned())
        .or(label)
}

/// A container whose image's name means another image by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// What the container is called.
    pub container: String,
    /// Its id.
    pub container_id: String,
    /// Whose it is.
    pub engine: Engine,
    /// The name.
    pub name: String,
    /// What it runs: the digest of an image or, where its name is all that was kept of that, of its
    /// layers.
    pub runs: String,
    /// What the name means now.
    pub now: String,
    /// The ways in which the old image can be told.
    old: Vec<Handle>,
}

impl Superseded {
    fn is_of(&self, image: &Image) -> bool {
        image.handles().any(|handle| self.old.contains(&handle))
    }
}

impl std::fmt::Display for Superseded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { container, name, runs, now, .. } = self;
        write!(f, "container {container} runs {runs}, and {name} is {now} by now")
    }
}

/// The running containers whose image's name means another image by now.
#[must_use]
pub fn superseded(stores: &[Store]) -> Vec<Superseded> {
    let mut all = Vec::new();
    for store in stores {
        let near: Vec<&Store> = stores.iter().filter(|it| store.shares_names(it)).collect();
        let images = || near.iter().flat_map(|it| &it.images);
        for it in store.uses.iter().filter(|it| it.state == RunState::Running) {
            let names: Vec<&String> =
                [&it.image].into_iter().chain(&it.others).filter(|name| !name.is_empty()).collect();
            let found = names.into_iter().find_map(|name| {
                let now = images().find(|image| is_named(image, name))?;
                (runs(it, now) == Some(false)).then_some((name, now))
            });
            let Some((name, now)) = found else { continue };
            let old: Vec<Handle> =
                handles(&it.image_id).into_iter().chain(handles(&it.chain)).collect();
            let is_old = |image: &&Image| image.handles().any(|handle| old.contains(&handle));
            let digest = match images().find(is_old) {
                Some(image) => digest(image),
                None if it.image_id.is_empty() => format!("layers {}", it.chain),
                None => it.image_id.clone(),
            };
            all.push(Superseded {
                container: it.title().to_owned(),
                container_id: it.id.clone(),
                engine: store.engine,
                name: name.clone(),
                runs: digest,
                now: self::digest(now),
                old,
            });
        }
    }
    all
}

/// Whether a name means this image. What only has a digest never means another one.
fn is_named(image: &Image, name: &str) -> bool {
    let wanted = handles(name).into_iter().find(|it| matches!(it, Handle::Name(_)));
    let names = || image.names.iter().flat_map(|name| handles(name));
    wanted.is_some_and(|wanted| names().any(|name| name == wanted))
}

/// Whether a container is of this very image, where both say enough of themselves.
fn runs(it: &Use, image: &Image) -> Option<bool> {
    let of = |text: &str| handles(text);
    if !it.image_id.is_empty() && !image.id.is_empty() {
        let ids = of(&it.image_id);
        let is_hash = ids.iter().any(|handle| matches!(handle, Handle::Hash(_)));
        return is_hash.then(|| image.handles().any(|handle| ids.contains(&handle)));
    }
    (!it.chain.is_empty() && !image.chain.is_empty()).then(|| it.chain == image.chain)
}

/// The digest that an image is told by.
fn digest(image: &Image) -> String {
    let id = || format!("sha256:{}", image.id.trim_start_matches("sha256:"));
    image.digests.first().cloned().unwrap_or_else(id)
}
