//! `runmon posture`: how the host and containers are set up.

use std::{
    collections::BTreeMap, fmt::Write as _, path::Path, process::ExitCode, sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use monitor_rules::Priority;
use serde_json::{Value, json};

use super::{
    Usage,
    apart::Apart,
    load_config,
    rules::table,
    running::{all, check_host, find, shown, usage},
    show,
};
use crate::{
    cli::PostureArgs,
    config::Config,
    container::{Container, short},
    document::members::set,
    keeper::{Allowed, Privileges},
    limits::TRAFFIC_SECONDS,
    metadata::running::Running,
    posture::{
        Eyes, Question, Seen, checks, configured_sockets,
        host::{self, Directory},
        look_twice,
        traffic::Traffic,
    },
    state::{Assessment, Check, Status},
    upkeep,
};

/// Looks, and says what is not as it should be.
///
/// # Errors
///
/// There is no such container, or nothing can be looked at.
pub fn run(args: &PostureArgs) -> anyhow::Result<ExitCode> {
    let least = Priority::from_name(&args.priority).ok_or_else(|| {
        let known = Priority::ALL.map(|it| it.name().to_ascii_lowercase()).join(", ");
        Usage(format!("`{}` is no priority\nhint: one of {known}", shown(&args.priority)))
    })?;
    let is_asked = |check: &Check| check.priority <= least;
    if args.list {
        let checks = checks::ALL.iter().chain(host::checks::ALL).chain(host::manual::ALL);
        let checks = checks.chain(&upkeep::checks::ALL);
        let checks: Vec<&Check> = checks.copied().filter(|it| is_asked(it)).collect();
        show(&if args.json { lines(checks.into_iter().map(check)) } else { list(&checks) })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut pages = Pages { args, text: String::new(), fails: 0 };
    let listens = args.traffic.map(seconds).transpose()?;
    let asks_host = |name: &String| name == Container::HOST;
    if let Some(root) = &args.root {
        let config = load_config(args.config.as_deref())?;
        pages.root(root, &config, &is_asked)?;
    } else {
        check_host("looking at how the host and containers are set up")?;
        let config = load_config(args.config.as_deref())?;
        let has_host = args.containers.is_empty() || args.containers.iter().any(asks_host);
        let has_others = args.containers.is_empty() || !args.containers.iter().all(asks_host);
        let traffic = listens.is_some();
        let allowed = Allowed { thorough: true, host: true, traffic, ..Allowed::of(&config) };
        let apart = Apart::begin(&config, allowed)?;
        let running = if has_others { all(apart.sources, &config) } else { Vec::new() };
        let eyes = Eyes::new(apart.look, apart.reach).thorough();
        let eyes = eyes.accepting(&config.posture_looks.exceptions);
        let mut eyes = eyes.knowing(&config.runtime_roots);
        if let Some(each) = listens {
            let traffic = Traffic::start(apart.taps, each).context("cannot start a thread")?;
            eyes = eyes.listening(traffic);
        }
        let mut questions = Vec::new();
        if has_host {
            let container = Arc::new(Container::host());
            questions.push(Question { container, inner: Vec::new() });
        }
        questions.extend(chosen(args, &running)?);
        let has_none = has_others && questions.len() == usize::from(has_host);
        if let Some(each) = listens {
            eyes.listen(&questions, each);
        }
        pages.look(&mut eyes, &questions, &is_asked);
        if has_none && !args.json {
            pages.text.push_str(
                "no container runs here, as far as its runtime's files are where they are looked \
                 for\n",
            );
        }
    }
    show(&pages.text)?;
    Ok(if pages.fails == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is shown, as it comes to be.
struct Pages<'a> {
    args: &'a PostureArgs,
    text: String,
    fails: usize,
}

impl Pages<'_> {
    /// Looks at the host of a root directory.
    fn root(
        &mut self,
        root: &Path,
        config: &Config,
        is_asked: &impl Fn(&Check) -> bool,
    ) -> anyhow::Result<()> {
        let opened = Directory::at(root).map_err(|error| {
            let what = root.display().to_string();
            usage(&format!("{} cannot be looked at: {error}", shown(&what)), "name a directory")
        })?;
        let sockets = configured_sockets(&config.runtime_roots);
        let opened = opened.naming(&sockets);
        let root = Some(root.to_owned());
        let mut apart = Apart::begin(config, Allowed { host: true, root, ..Allowed::of(config) })?;
        let facts = match apart.privileges {
            Privileges::Here => host::read(&opened, &sockets, Ok(None), host::now()),
            Privileges::Apart(_) => apart.look.look_at_host(&sockets).map_err(|reason| {
                anyhow::anyhow!("the keeper does not show it: {}", reason.name())
            })?,
        };
        let mut all = host::assess(&facts);
        all.retain(|it| is_asked(it.check));
        self.put(&Container::host(), Ok(&all));
        Ok(())
    }

    /// Looks at the host and containers that are asked about.
    fn look(
        &mut self,
        eyes: &mut Eyes,
        questions: &[Question],
        is_asked: &impl Fn(&Check) -> bool,
    ) {
        for question in questions {
            let of = assessments(look_twice(eyes, question), is_asked);
            self.put(&question.container, of.as_deref().map_err(|why| *why));
        }
    }

    fn put(&mut self, container: &Container, of: Result<&[Assessment], &str>) {
        self.fails += of.map_or(0, |of| count(of, Status::Fail));
        self.text.push_str(&if self.args.json {
            lines([of_container(container, of)].into_iter())
        } else {
            page(container, of, self.args.all)
        });
    }
}

/// How long is listened.
fn seconds(seconds: u64) -> anyhow::Result<Duration> {
    if TRAFFIC_SECONDS.contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let (from, to) = (TRAFFIC_SECONDS.start(), TRAFFIC_SECONDS.end());
    Err(Usage(format!("--traffic is {from} to {to} seconds")).into())
}

/// The containers that are named, or all.
fn chosen(args: &PostureArgs, running: &[Running]) -> anyhow::Result<Vec<Question>> {
    let names = args.containers.iter().filter(|name| *name != Container::HOST);
    let chosen: Vec<&Running> = match &args.containers[..] {
        [] => running.iter().collect(),
        _ => names.map(|name| find(running, name)).collect::<anyhow::Result<_>>()?,
    };
    let question = |it: &Running| Question { container: it.container.clone(), inner: it.inner() };
    Ok(chosen.into_iter().map(question).collect())
}

/// What came of the checks that are asked for, or why nothing did.
fn assessments(
    seen: Seen,
    is_asked: &impl Fn(&Check) -> bool,
) -> Result<Vec<Assessment>, &'static str> {
    match seen {
        Seen::Assessed(all) => Ok(all.into_iter().filter(|it| is_asked(it.check)).collect()),
        Seen::TooEarly => Err("its first program has not started yet"),
        Seen::Nothing => Err("it has just ended, or has a kernel of its own"),
    }
}

fn count(all: &[Assessment], status: Status) -> usize {
    all.iter().filter(|it| it.status == status).count()
}

/// For people: the gravest first.
fn page(container: &Container, of: Result<&[Assessment], &str>, shows_all: bool) -> String {
    let name = container.name.known().map_or("-", |name| &**name);
    let image = container.image.known().map_or("image not known", |image| &**image);
    let head = match container.is_host() {
        true => "host".to_owned(),
        false => shown(&format!("{name} ({}), {image}", short(&container.id))),
    };
    let all = match of {
        Ok(all) => all,
        Err(why) => return format!("{head}: {why}\n\n"),
    };
    let [fail, accepted, unknown, pass] =
        [Status::Fail, Status::Accepted, Status::Unknown, Status::Pass]
            .map(|status| count(all, status));
    let mut text = format!("{head}: {fail} to look at, {pass} good, {unknown} cannot be seen");
    if accepted > 0 {
        let _written = write!(text, ", {accepted} accepted");
    }
    text.push('\n');
    let is_told = |it: &&Assessment| matches!(it.status, Status::Fail | Status::Accepted);
    let mut rows: Vec<&Assessment> = all.iter().filter(|it| shows_all || is_told(it)).collect();
    rows.sort_by_key(|it| (it.status != Status::Fail, it.check.priority, it.status));
    let row = |it: &&Assessment| {
        let (first, said) = match it.status {
            Status::Fail => (
                it.check.priority.name().to_ascii_lowercase(),
                format!("{}: {}", it.check.title, it.text),
            ),
            Status::Accepted => {
                let why = it.accepted().unwrap_or_default();
                ("accepted".to_owned(), format!("{}: {} ({})", it.check.title, it.text, shown(why)))
            }
            Status::Unknown => ("unknown".to_owned(), it.text.clone()),
            Status::Pass => ("pass".to_owned(), it.text.clone()),
            Status::NotApplicable => ("not applicable".to_owned(), it.text.clone()),
            Status::NotDecidable => {
                ("not decidable here".to_owned(), format!("{}: {}", it.check.title, it.text))
            }
        };
        [format!("  {first}"), it.check.id.to_owned(), said]
    };
    text.push_str(&table(rows.iter().map(row).collect()));
    text.push('\n');
    text
}

fn list(checks: &[&Check]) -> String {
    let head = ["CHECK", "PRIORITY", "FINDING", "STANDARDS"].map(str::to_owned);
    let row = |it: &&Check| {
        let standards = it.standards.iter().map(|(of, number)| format!("{of} {number}"));
        let standards = standards.collect::<Vec<_>>().join(", ");
        let priority = it.priority.name().to_ascii_lowercase();
        [it.id.to_owned(), priority, it.title.to_owned(), standards]
    };
    table(std::iter::once(head).chain(checks.iter().map(row)).collect())
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}

fn check(check: &Check) -> Value {
    let standards = check.standards.iter().map(|(of, number)| format!("{of} {number}"));
    json!({
        "check": check.id,
        "title": check.title,
        "priority": check.priority.name().to_ascii_lowercase(),
        "standards": standards.collect::<Vec<_>>(),
        "remediation": check.cure,
    })
}

fn of_container(container: &Container, of: Result<&[Assessment], &str>) -> Value {
    let one = |it: &Assessment| {
        let mut value = check(it.check);
        let evidence: BTreeMap<_, _> = it.evidence.iter().map(|(name, it)| (*name, it)).collect();
        set(&mut value, &["status"], json!(it.status.name()));
        set(&mut value, &["text"], json!(it.text));
        set(&mut value, &["evidence"], json!(evidence));
        value
    };
    json!({
        "container": {
            "id": container.id,
            "name": container.name.known(),
            "image": container.image.known(),
            "runtime": container.runtime.known(),
        },
        "checks": of.ok().map(|of| of.iter().map(one).collect::<Vec<_>>()),
        "because": of.err(),
    })
}
