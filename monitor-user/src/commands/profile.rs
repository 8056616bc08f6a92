//! `runmon profile`: what images are expected to do, as files that people review.

mod export;
mod files;
mod learn;

use std::{path::PathBuf, process::ExitCode};

use jiff::{Timestamp, tz::TimeZone};

use super::{DEFAULT_NAME, Usage, load_config, profiles_path, rules::table, say, show};
use crate::{
    cli::{
        ProfileApproveArgs, ProfileCommand, ProfileDiffArgs, ProfileListArgs, ProfileMergeArgs,
        ProfileShowArgs,
    },
    document::printable::terminal,
    profile::{Approval, Part, Profile, diff::Difference, file},
};
pub(super) use files::{files_of, read_all};
use files::{read, replace};

/// Does what is said with profiles.
///
/// # Errors
///
/// A file that is no profile, or cannot be read or written.
pub fn run(command: &ProfileCommand) -> anyhow::Result<ExitCode> {
    match command {
        ProfileCommand::Learn(args) => learn::run(args),
        ProfileCommand::List(args) => list(args),
        ProfileCommand::Show(args) => show_one(args),
        ProfileCommand::Diff(args) => diff(args),
        ProfileCommand::Merge(args) => merge(args),
        ProfileCommand::Approve(args) => approve(args),
        ProfileCommand::Export(args) => export::run(args),
    }
}

fn list(args: &ProfileListArgs) -> anyhow::Result<ExitCode> {
    let paths = if args.paths.is_empty() { of_daemon(args)? } else { args.paths.clone() };
    let profiles = read_all(&paths)?;
    if profiles.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let place = match shown.is_empty() {
            true => ": nothing was learned here, and the configuration names none".to_owned(),
            false => format!(" in {}", shown.join(", ")),
        };
        say(&format!(
            "no profiles{place}\nhint: `learn_profiles: true` in the configuration has the \
             daemon learn them, `runmon profile learn --from RECORDING` takes them from recordings"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["NAME", "MODE", "APPROVED", "THINGS", "REPLICAS", "COMPLETE", "IMAGE"];
    let row = |profile: &Profile| {
        let approved = profile.approved.as_ref().map_or("-", |it| &*it.by);
        let lacks = profile.coverage.lacks();
        [
            shown(&profile.name),
            profile.mode.name().to_owned(),
            shown(approved),
            profile.behaviour.things().len().to_string(),
            format!("{} of {}", profile.coverage.agreed, profile.coverage.containers),
            lacks.first().map_or_else(|| "yes".to_owned(), |lack| format!("no: {lack}")),
            shown(&profile.subject.image),
        ]
    };
    let rows = std::iter::once(head.map(str::to_owned)).chain(profiles.iter().map(row));
    show(&table(rows.collect()))?;
    Ok(ExitCode::SUCCESS)
}

/// Where the daemon of this host keeps what it learns, and what it is configured to use.
fn of_daemon(args: &ProfileListArgs) -> anyhow::Result<Vec<PathBuf>> {
    let config = load_config(args.config.as_deref())?;
    let learned = profiles_path(&config, args.instance.as_deref().unwrap_or(DEFAULT_NAME));
    let learned = learned.is_dir().then_some(learned);
    Ok(config.profiles.into_iter().chain(learned).collect())
}

fn show_one(args: &ProfileShowArgs) -> anyhow::Result<ExitCode> {
    show(&file::write(&read(&args.file)?))?;
    Ok(ExitCode::SUCCESS)
}

fn diff(args: &ProfileDiffArgs) -> anyhow::Result<ExitCode> {
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let difference = Difference::between(&old.behaviour, &new.behaviour);
    if difference.is_empty() {
        say("both expect the same");
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for part in Part::ALL {
        let of = |things: &[crate::profile::Thing], sign: char| -> String {
            let of_part = things.iter().filter(|thing| thing.part() == part);
            of_part.map(|thing| format!("{sign} {thing}\n")).collect()
        };
        let lines = of(&difference.gone, '-') + &of(&difference.new, '+');
        if !lines.is_empty() {
            text.push_str(&format!("{}:\n{lines}", part.name()));
        }
    }
    show(&text)?;
    Ok(ExitCode::FAILURE)
}

fn merge(args: &ProfileMergeArgs) -> anyhow::Result<ExitCode> {
    let mut files = args.files.iter();
    let Some(first) = files.next() else { return Ok(ExitCode::SUCCESS) };
    let mut merged = read(first)?;
    for path in files {
        let other = read(path)?;
        if other.subject.image != merged.subject.image {
            say(&format!(
                "{} is about {}, not {}",
                path.display(),
                shown(&other.subject.image),
                shown(&merged.subject.image)
            ));
        }
        merged = merged.merged(&other);
    }
    replace(&args.output, &merged)?;
    say(&format!("nobody has approved {} yet", args.output.display()));
    Ok(ExitCode::SUCCESS)
}

fn approve(args: &ProfileApproveArgs) -> anyhow::Result<ExitCode> {
    let mut profile = read(&args.file)?;
    let lacks = profile.coverage.lacks();
    if !lacks.is_empty() && !args.incomplete {
        let cure = "watch longer or from the start and merge, or say --incomplete: what was not \
                    seen will be alerted on";
        let why = lacks.join("; ");
        let shown = args.file.display();
        return Err(Usage(format!("{shown} is not complete: {why}\nhint: {cure}")).into());
    }
    if args.by.trim().is_empty() {
        return Err(Usage("--by says nobody".to_owned()).into());
    }
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date().to_string();
    profile.mode = args.mode;
    profile.approved = Some(Approval { by: args.by.trim().into(), on: today.into() });
    replace(&args.file, &profile)?;
    say(&format!("{} is used with `mode: {}`", args.file.display(), args.mode.name()));
    Ok(ExitCode::SUCCESS)
}

fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}
