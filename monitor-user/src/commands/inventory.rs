//! `runmon inventory`: what is installed on the host and in running containers, and until when that
//! is supported.
//!
//! Files of roots are opened by the keeper, which parses none of them. This process, which does,
//! gives its privileges up before it reads the first one.

use std::{
    collections::HashMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
};

use anyhow::Context as _;
use monitor_inventory::{Inventory, lifecycle::Tier};

use super::{
    apart::Apart,
    load_config, new_file,
    rules::progress::Progress,
    running::{all, check_host, find},
    show,
    supported::supported,
};
use crate::{
    cli::{Form, InventoryArgs, Support},
    config::SupportOptions,
    container::Container,
    event::Reason,
    keeper::Allowed,
    metadata::running::Running,
    packages::{
        RootTold, Roots,
        inventory::{open, other_file_systems, read},
    },
    usage::FileIndex,
};

mod report;

/// What packages are in.
pub(super) enum Subject<'r> {
    /// The host.
    Host,
    /// A container.
    Container(&'r Running),
}

/// What was found in a root.
pub(super) struct Looked<'r> {
    subject: Subject<'r>,
    found: Result<(RootTold, Rc<Inventory>), Reason>,
    /// Whose its files are, where that is asked for and can be read.
    files: Option<Rc<FileIndex>>,
    /// It has the layers of one before, and was not read again.
    is_shared: bool,
}

/// Looks at the host and all containers, or at one of them.
///
/// # Errors
///
/// There is no such container, or a file cannot be used.
pub fn run(args: &InventoryArgs) -> anyhow::Result<ExitCode> {
    check_host("an inventory")?;
    let config = load_config(args.config.as_deref())?;
    let supported = supported(&options(args, &config.support))?;
    // Opened while this process may still do so.
    let mut sbom = args.sbom.as_deref().map(new_file).transpose()?;
    let skip = other_file_systems();
    let allowed = Allowed { inventory: true, ..Allowed::of(&config) };
    let mut apart = Apart::begin(&config, allowed)?;
    let all = match args.of.as_deref() {
        Some(Container::HOST) => Vec::new(),
        _ => all(apart.sources, &config),
    };
    let subjects = subjects(args.of.as_deref(), &all)?;
    let looked = look(&mut *apart.roots, subjects, &skip, false);
    if let Some(file) = &mut sbom {
        let bill = report::bill(&looked, args.of.as_deref());
        write_bill(file, &bill, args.sbom.as_deref().unwrap_or(Path::new("")))?;
    }
    let shown = match args.output {
        Form::Json => format!("{}\n", report::json(&looked, &supported, args.packages)),
        Form::Text if args.packages => report::packages(&looked),
        Form::Text => report::text(&looked, &supported),
    };
    show(&shown)?;
    Ok(ExitCode::SUCCESS)
}

/// What is asked for, over what is configured.
fn options(args: &InventoryArgs, configured: &SupportOptions) -> SupportOptions {
    let tier = args.support.map(|it| match it {
        Support::Standard => Tier::Standard,
        Support::Lts => Tier::Lts,
        Support::Extended => Tier::Extended,
    });
    SupportOptions {
        tier: tier.unwrap_or(configured.tier),
        table: args.lifecycle.clone().or_else(|| configured.table.clone()),
        end_of_life: args.end_of_life.clone().or_else(|| configured.end_of_life.clone()),
    }
}

/// What is to be looked at.
pub(super) fn subjects<'r>(
    of: Option<&str>,
    all: &'r [Running],
) -> anyhow::Result<Vec<Subject<'r>>> {
    Ok(match of {
        Some("host") => vec![Subject::Host],
        Some(asked) => vec![Subject::Container(find(all, asked)?)],
        None => std::iter::once(Subject::Host).chain(all.iter().map(Subject::Container)).collect(),
    })
}

/// Looks at each; of several that have the same layers only one is read.
pub(super) fn look<'r>(
    roots: &mut dyn Roots,
    subjects: Vec<Subject<'r>>,
    skip: &[PathBuf],
    with_files: bool,
) -> Vec<Looked<'r>> {
    let mut known: HashMap<u64, (Rc<Inventory>, Option<Rc<FileIndex>>)> = HashMap::new();
    let mut progress = Progress::new(subjects.len(), "root");
    let mut looked = Vec::new();
    for subject in subjects {
        let opened = match &subject {
            Subject::Host => roots.open(None),
            Subject::Container(it) => open(roots, &it.container, &it.inner()),
        };
        let found = opened.map(|told| {
            let before = told.fingerprint.and_then(|fingerprint| known.get(&fingerprint).cloned());
            let is_shared = before.is_some();
            let (inventory, files) = before.unwrap_or_else(|| {
                let skip = if matches!(subject, Subject::Host) { skip } else { &[] };
                let inventory = Rc::new(read(roots, skip));
                let files = with_files.then(|| FileIndex::of(roots.root(), &inventory.packages));
                (inventory, files.and_then(Result::ok).map(Rc::new))
            });
            if let Some(fingerprint) = told.fingerprint {
                known.insert(fingerprint, (Rc::clone(&inventory), files.clone()));
            }
            (told, inventory, files, is_shared)
        });
        let (found, files, is_shared) = match found {
            Ok((told, inventory, files, is_shared)) => (Ok((told, inventory)), files, is_shared),
            Err(reason) => (Err(reason), None, false),
        };
        looked.push(Looked { subject, found, files, is_shared });
        progress.add(1);
    }
    progress.finish();
    looked
}

fn write_bill(file: &mut File, bill: &str, path: &Path) -> anyhow::Result<()> {
    let written = file.write_all(bill.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("cannot write {}", path.display()))
}
