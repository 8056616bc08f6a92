//! `runmon policy`: what may run, before it is trusted.

pub(super) mod watched;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use super::{Usage, apart::Apart, load_config, rules::table, say, show};
use crate::{
    cli::{PolicyCheckArgs, PolicyCommand},
    container::Container,
    document::printable::terminal,
    event::{Fact, FactSource, Reason},
    keeper::Allowed,
    limits::POLICY_BYTES,
    metadata::running::{Running, running},
    policy::{
        Policy, Verdict, file,
        reference::{self, Name},
    },
    rules::Word,
};

/// Does what is said with policies.
///
/// # Errors
///
/// There is no policy, or it cannot be read.
pub fn run(command: &PolicyCommand) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Check(args) => check(args),
    }
}

/// Reads a policy.
pub(super) fn read(path: &Path) -> Result<Policy, Usage> {
    let text = crate::input::read_text(path, POLICY_BYTES).map_err(|error| {
        let cure = crate::input::cure(&error);
        Usage(format!("cannot read {}: {error}\nhint: {cure}", path.display()))
    })?;
    file::read(&text).map_err(|what| Usage(format!("{}:{what}", path.display())))
}

/// The same of what is configured; None where nothing is.
pub(super) fn configured(path: Option<&Path>) -> anyhow::Result<Option<Arc<Policy>>> {
    let policy = path.map(read).transpose()?.map(Arc::new);
    Ok(policy)
}

/// The word of the rules about it, where there is one.
pub(super) fn word(path: Option<&PathBuf>) -> Option<Word> {
    path.map(|_| Word::Policy)
}

/// Who is judged.
struct Judged {
    /// As it was asked for, or the name of a container.
    what: String,
    image: String,
    verdict: Verdict,
}

fn check(args: &PolicyCheckArgs) -> anyhow::Result<ExitCode> {
    if args.images.is_empty() && !args.running {
        let hint = "name images, or say --running for what runs on this host";
        return Err(Usage(format!("nothing is to be judged\nhint: {hint}")).into());
    }
    let config = load_config(args.config.as_deref())?;
    let path = args.policy.as_ref().or(config.image_policy.as_ref());
    let path = path.ok_or_else(|| {
        let hint = "name a file: --policy FILE, or `image_policy` in the configuration";
        Usage(format!("there is no policy\nhint: {hint}"))
    })?;
    let policy = read(path)?;
    let now_ns = now_ns();
    for ended in policy.ended(now_ns) {
        say(&format!("no more {}", terminal(ended.as_bytes())));
    }
    let mut all = Vec::new();
    for image in &args.images {
        let container =
            named(image).map_err(|why| Usage(format!("`{image}` is no image: {why}")))?;
        all.push(judged(&policy, image.clone(), &container, now_ns));
    }
    if args.running {
        let apart = Apart::begin(&config, Allowed::of(&config))?;
        let running = running(apart.sources, config.runtime_roots);
        for Running { container, .. } in &running {
            let name = container.name.known().map_or(container.short_id(), |name| name);
            all.push(judged(&policy, name.to_owned(), container, now_ns));
        }
    }
    tell(&all)
}

/// A container of an image of which only what it is called is known.
fn named(image: &str) -> Result<Container, String> {
    let name = reference::parse(image)?;
    let mut container = Container::unknown("", Reason::NotAsked);
    let source = FactSource::CgroupPath;
    container.image = Fact::Known(image.into(), source);
    let digest = match name {
        Name::Reference(at) => at.digest,
        Name::Id(id) => Some(id),
    };
    if let Some(digest) = digest {
        container.image_digest = Fact::Known(digest.into(), source);
    }
    Ok(container)
}

fn judged(policy: &Policy, what: String, container: &Container, now_ns: i64) -> Judged {
    let still = |reason: Reason| Verdict::Unknown(reason.name().into());
    let verdict = policy.judge(container, now_ns).unwrap_or_else(still);
    let image = container.image.known().map_or("-", |image| image).to_owned();
    Judged { what, image, verdict }
}

/// Tells all; the exit code is 1 if one may not run, or that is not known.
fn tell(all: &[Judged]) -> anyhow::Result<ExitCode> {
    if all.is_empty() {
        say("no containers run here");
        return Ok(ExitCode::SUCCESS);
    }
    let shown = |text: &str| terminal(text.as_bytes()).into_owned();
    let row = |it: &Judged| {
        let why = it.verdict.reason().unwrap_or("-");
        [it.verdict.name().to_owned(), shown(&it.what), shown(&it.image), shown(why)]
    };
    let head = ["VERDICT", "WHAT", "IMAGE", "WHY"].map(str::to_owned);
    show(&table(std::iter::once(head).chain(all.iter().map(row)).collect()))?;
    let is_good = all.iter().all(|it| matches!(it.verdict, Verdict::Allowed(_)));
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Now, nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
