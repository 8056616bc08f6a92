//! `runmon images`: the images on this node, what uses them, and which could go.

use std::{fs::File, io, path::Path, process::ExitCode};

use jiff::Timestamp;
use monitor_inventory::lifecycle::Date;

use super::{
    apart::Apart,
    load_config,
    policy::now_ns,
    running::{all, check_host},
    show,
    supported::last_days,
    usage_path,
};
use crate::{
    cli::{Form, ImagesArgs},
    images::{
        Decision, Image, Judge, LastUse, Store, Superseded, Terms, Use, Users, Verdict, Witness,
        plan, superseded,
    },
    input,
    instance::DEFAULT_NAME,
    keeper::Allowed,
    limits::USAGE_BYTES,
    metadata::images::{stores, told},
    usage,
};

mod report;

/// Where a kubelet keeps what it needs.
const KUBELET: [&str; 2] = ["/var/lib/kubelet/config.yaml", "/var/lib/kubelet/pods"];

/// An image, and what is to be said of it.
struct Told<'s> {
    store: &'s Store,
    image: &'s Image,
    users: Vec<&'s Use>,
    last: LastUse,
    verdicts: Vec<Verdict>,
}

/// All that was found.
struct Found<'s> {
    images: Vec<Told<'s>>,
    superseded: Vec<Superseded>,
    lacks: Vec<&'s str>,
    /// What is to become of each, in the same order; None where no plan was asked for.
    plan: Option<Vec<Decision<'s>>>,
    has_kubelet: bool,
    judge: Judge,
}

/// Lists images, or plans.
///
/// # Errors
///
/// Nothing can be looked at, or a file cannot be used.
pub fn run(args: &ImagesArgs) -> anyhow::Result<ExitCode> {
    check_host("listing images")?;
    let config = load_config(args.config.as_deref())?;
    let judge = Judge {
        now_ns: now_ns(),
        today: Date::of(Timestamp::now()),
        dates: last_days(args.end_of_life.as_deref().or(config.support.end_of_life.as_deref()))?,
        old_days: args.old_after,
    };
    let book = usage_path(&config, args.instance.as_deref().unwrap_or(DEFAULT_NAME));
    let book = book.join(usage::FILE);
    let written = File::open(&book);
    let has_kubelet = KUBELET.iter().any(|path| Path::new(path).exists());
    let allowed = Allowed { images: true, ..Allowed::of(&config) };
    let mut apart = Apart::begin(&config, allowed)?;
    let told = told(&mut *apart.sources.containerd, &config.runtime_roots);
    let witness = witness(&book, written, judge.now_ns);
    let running = all(apart.sources, &config);
    let stores = stores(&*apart.reach, &config.runtime_roots, told, &running);
    let users = Users::of(&stores);
    let superseded = superseded(&stores);
    let images = stores.iter().flat_map(|store| store.images.iter().map(move |it| (store, it)));
    let told = images.map(|(store, image)| {
        let (users, last) = (users.of_image(image), witness.last_use(image));
        let verdicts = judge.verdicts(image, &users, &superseded, &last);
        Told { store, image, users, last, verdicts }
    });
    let terms = Terms {
        unused_for_days: args.unused_for,
        min_age_days: args.min_age,
        except: args.except.clone(),
        has_kubelet,
        now_ns: judge.now_ns,
    };
    let found = Found {
        images: told.collect(),
        lacks: stores.iter().flat_map(|it| &it.lacks).map(String::as_str).collect(),
        plan: args.plan.then(|| plan(&stores, &witness, &terms)),
        superseded,
        has_kubelet,
        judge,
    };
    show(&match args.output {
        Form::Json => format!("{}\n", report::json(&found)),
        Form::Text => report::text(&found),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a daemon that notes what is used wrote down.
fn witness(path: &Path, written: io::Result<File>, now_ns: i64) -> Witness {
    let read = written.and_then(|file| input::read_opened(file, USAGE_BYTES));
    let text = match read {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Witness::none("no daemon notes what is used (`in_use: true`)");
        }
        Err(error) => return Witness::none(&format!("{}: {error}", path.display())),
    };
    match usage::read(&text) {
        Ok((images, written_ns)) => {
            let since = usage::whole_since(&text).map(|(since, _)| since);
            Witness::of(&images, since, written_ns, now_ns)
        }
        Err(why) => Witness::none(&format!("{}: {why}", path.display())),
    }
}
