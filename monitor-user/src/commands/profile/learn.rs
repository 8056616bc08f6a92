//! `runmon profile learn`: recordings through the line, with nobody at its end but the learner.

use std::{fs, path::Path, process::ExitCode, sync::Arc};

use anyhow::Context as _;

use super::files::{read, replace};
use crate::{
    cli::ProfileLearnArgs,
    commands::{Usage, explain_recording, load_rules, replay::line_of, say, show},
    document::{Document, printable::terminal},
    line::Outlet,
    profile::{Learner, Part, Profile},
    rules::Rules,
    source::recording::Reader,
};

pub(super) fn run(args: &ProfileLearnArgs) -> anyhow::Result<ExitCode> {
    let rules = load_rules(&args.rules)?;
    let mut learned: Vec<Profile> = Vec::new();
    for recording in &args.from {
        for profile in of_recording(recording, &rules, args.by_workload)?
            .into_iter()
            .filter(|it| is_wanted(args, it))
        {
            match learned.iter_mut().find(|known| known.subject == profile.subject) {
                Some(known) => *known = known.merged(&profile),
                None => learned.push(profile),
            }
        }
    }
    if learned.is_empty() {
        let cure = if args.image.is_empty() {
            "record while a container runs: `runmon record -o FILE --for 10m`"
        } else {
            "--image names a part of an image's name or digest"
        };
        return Err(Usage(format!("no container to learn from is in there\nhint: {cure}")).into());
    }
    fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    for profile in learned {
        let path = args.output.join(format!("{}.yaml", profile.name));
        let profile = with_what_is_there(&path, profile)?;
        replace(&path, &profile)?;
        show(&summary(&path, &profile))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(args: &ProfileLearnArgs, profile: &Profile) -> bool {
    let digest = profile.subject.digest.as_deref().unwrap_or_default();
    let is_it = |part: &String| {
        profile.subject.image.contains(part.as_str()) || digest.contains(part.as_str())
    };
    args.image.is_empty() || args.image.iter().any(is_it)
}

fn of_recording(
    path: &Path,
    rules: &Arc<Rules>,
    by_workload: bool,
) -> anyhow::Result<Vec<Profile>> {
    let mut reader = Reader::open(path).map_err(explain_recording)?;
    let mut line = line_of(&reader.preamble, Arc::clone(rules), Nobody);
    line.learn(Some(Learner::new(by_workload)));
    let mut damaged = 0_u64;
    loop {
        match reader.next() {
            Ok(Some(input)) => line.take(input),
            Ok(None) => break,
            Err(_) => damaged += 1,
        }
        // What is asked here was asked when this was recorded; the answers are in it.
        drop((line.take_lookups(), line.take_hash_questions()));
    }
    line.finish();
    let lost = reader.lost() + damaged + reader.missing();
    let unseen: Vec<String> =
        reader.preamble.hooks.iter().filter_map(|hook| unseen(hook)).collect();
    let refused = line.learner().map_or(0, |it| it.stats().refused);
    if refused > 0 {
        say(&format!("{refused} events of further images were not learned from: there is no room"));
    }
    // Whose they were was not recorded.
    let mut profiles =
        line.learner().map(|it| it.profiles(&unseen, &|_| 0, true)).unwrap_or_default();
    profiles.iter_mut().for_each(|profile| profile.coverage.lost = lost);
    Ok(profiles)
}

/// The kind of a hook that was not there, of those that a profile needs.
fn unseen(hook: &str) -> Option<String> {
    let kind = hook.strip_suffix("=none")?;
    Some(kind.to_owned())
}

/// What is learned, and what a file has already: its mode stays, and its approval where nothing is
/// new.
fn with_what_is_there(path: &Path, learned: Profile) -> anyhow::Result<Profile> {
    if !path.exists() {
        return Ok(learned);
    }
    let known = read(path)?;
    if known.subject != learned.subject {
        let cure =
            "name another directory with --output, or merge them with `runmon profile merge`";
        let what = "is about another image, or another build of it";
        return Err(Usage(format!("{} {what}\nhint: {cure}", path.display())).into());
    }
    let merged = known.merged(&learned);
    if known.approved.is_some() && merged.behaviour != known.behaviour {
        let cure = "name another directory with --output, and compare with `runmon profile diff`";
        let what = "was approved, and what is learned has more";
        return Err(Usage(format!("{} {what}\nhint: {cure}", path.display())).into());
    }
    Ok(Profile { approved: known.approved, ..merged })
}

fn summary(path: &Path, profile: &Profile) -> String {
    let things = profile.behaviour.things();
    let count = |part: Part| things.iter().filter(|thing| thing.part() == part).count();
    let counts: Vec<String> = Part::ALL
        .into_iter()
        .filter(|part| count(*part) > 0)
        .map(|part| format!("{} {}", count(part), part.name()))
        .collect();
    let image = terminal(profile.subject.image.as_bytes()).into_owned();
    let mut text = format!("{}  {image}: {}\n", path.display(), counts.join(", "));
    for lack in profile.coverage.lacks() {
        text.push_str(&format!("  not complete: {lack}\n"));
    }
    text
}

/// Nobody gets anything.
struct Nobody;

impl Outlet for Nobody {
    fn offer(&mut self, _document: Document) {}

    fn wants_events(&self) -> bool {
        false
    }
}
