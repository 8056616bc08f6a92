//! `runmon report`: one page about this host. What to update first, what is not supported any more,
//! what is not set up as it should be, and what is not known.

mod html;
mod page;

use std::process::ExitCode;

use jiff::Timestamp;
use monitor_inventory::lifecycle::{State, Verdict};
use monitor_rules::Priority;
use monitor_vulns::severity::Level;
use serde_json::{Value, json};

use super::{
    apart::Apart,
    data::moment,
    inventory::subjects,
    load_config,
    running::{all, check_host},
    show,
    supported::supported,
    vulns::{
        installed::{self, Before, Scene, Vulnerable},
        names, warn_of_age,
    },
};
use crate::{
    cli::{ReportArgs, ReportForm},
    images::{Store, Users, find, superseded},
    keeper::Allowed,
    limits::DATA_OLD_DAYS,
    logging::count,
    metadata::{
        images::{stores, told},
        running::Running,
    },
    node,
    posture::{Eyes, Question, Seen, look_twice},
    state::{Assessment, Status},
    support::Support,
    upkeep::{
        grade::{Weight, grade},
        images::last_day,
    },
    vulns::{Finding, InUse, is_later},
};

/// Something to update, or to start anew from a newer image.
pub(super) struct Step {
    /// What: the source package, as the data call it.
    pub(super) package: String,
    /// The versions that are installed.
    pub(super) installed: String,
    /// The version that mends all of it; None: none does yet.
    pub(super) fixed: Option<String>,
    /// Who has it.
    pub(super) places: Vec<String>,
    /// Its vulnerabilities, the gravest first.
    pub(super) vulnerabilities: Vec<String>,
    /// How much it matters, as the daemon tells it.
    pub(super) priority: Priority,
    /// The most that is made of it.
    pub(super) in_use: &'static str,
    rank: u8,
    /// Some of them are known to be exploited.
    pub(super) is_exploited: bool,
    /// Who has it listens for others.
    pub(super) is_exposed: bool,
    /// Nothing of the system that it is of is mended any more.
    is_out_of_support: bool,
    severity: Level,
    tenths: u8,
    /// The worst of them.
    pub(super) level: &'static str,
}

/// The system of a root, and until when it is supported.
pub(super) struct Supports {
    pub(super) names: String,
    pub(super) system: String,
    pub(super) verdict: Verdict,
}

/// How a container is set up.
pub(super) struct SetUp {
    pub(super) name: String,
    /// What fails, the gravest first; or why it was not looked at.
    pub(super) failed: Result<Vec<Assessment>, &'static str>,
    /// The checks that would, and why that is accepted.
    accepted: Vec<(&'static str, String)>,
}

/// All of it.
pub(super) struct Report {
    pub(super) node: String,
    pub(super) made: Timestamp,
    /// When the data about vulnerabilities were made, and how old they are; None: there are none.
    pub(super) data: Option<(i64, i64)>,
    pub(super) steps: Vec<Step>,
    pub(super) supports: Vec<Supports>,
    /// Images that are past their last day, that their names do not mean any more, or that nobody
    /// uses, for people.
    pub(super) images: Vec<String>,
    pub(super) set_up: Vec<SetUp>,
    /// What is accepted, for people.
    pub(super) accepted: Vec<String>,
    /// What is not known, for people.
    pub(super) unknown: Vec<String>,
}

/// Looks at everything, and writes the page.
///
/// # Errors
///
/// Nothing can be looked at, or the data cannot be used.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    check_host("a report")?;
    let config = load_config(args.config.as_deref())?;
    let support = supported(&config.support)?;
    let path = args.pack.clone().or_else(|| config.vulnerability_pack.clone());
    let before = path.as_deref().map(|path| Before::open(&config, path)).transpose()?;
    let allowed = Allowed { images: true, ..installed::allowed(&config) };
    let mut apart = Apart::begin(&config, allowed)?;
    let told = told(&mut *apart.sources.containerd, &config.runtime_roots);
    let running = all(apart.sources, &config);
    let stores = stores(&*apart.reach, &config.runtime_roots, told, &running);
    let images = images(&stores, &running, &support);
    let scene = match before {
        Some(before) => {
            let subjects = subjects(None, &running)?;
            let scene = before.look_at(subjects, &mut *apart.roots, &mut *apart.look)?;
            warn_of_age(scene.report.age_days, DATA_OLD_DAYS);
            Some(scene)
        }
        None => None,
    };
    let eyes = Eyes::new(apart.look, apart.reach).accepting(&config.posture_looks.exceptions);
    let eyes = eyes.knowing(&config.runtime_roots);
    let seen = (images, set_up(eyes, &running));
    let report = report(scene.as_ref(), &support, seen, Timestamp::now());
    show(&match args.output {
        ReportForm::Text => page::text(&report),
        ReportForm::Json => format!("{:#}\n", json(&report)),
        ReportForm::Html => html::page(&report),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What is to be said of images.
fn images(stores: &[Store], running: &[Running], support: &Support) -> Vec<String> {
    let mut lines: Vec<String> = superseded(stores).iter().map(ToString::to_string).collect();
    for Running { container, .. } in running {
        if let Some(over) = last_day(find(stores, container), container, support) {
            let name = container.name.known().map_or(container.short_id(), |name| name);
            let image = container.image.known().map_or("", |image| image);
            lines.push(format!("{name} ({image}): {}", over.text));
        }
    }
    let users = Users::of(stores);
    let images = stores.iter().flat_map(|store| &store.images);
    let unused = images.filter(|image| users.of_image(image).is_empty()).count();
    if unused > 0 {
        let number = count(unused, "image");
        lines.push(format!("nobody uses {number}: `runmon images --plan` says what could go"));
    }
    lines.extend(stores.iter().flat_map(|store| &store.lacks).map(|it| format!("not known: {it}")));
    lines
}

/// How these containers are set up.
fn set_up(mut eyes: Eyes, running: &[Running]) -> Vec<SetUp> {
    let one = |it: &Running| {
        let question = Question { container: it.container.clone(), inner: it.inner() };
        let mut accepted = Vec::new();
        let failed = match look_twice(&mut eyes, &question) {
            Seen::Assessed(mut all) => {
                accepted.extend(
                    all.iter().filter_map(|it| Some((it.check.title, it.accepted()?.to_owned()))),
                );
                all.retain(|it| it.status == Status::Fail && it.check.priority <= Priority::Notice);
                all.sort_by_key(|it| it.check.priority);
                Ok(all)
            }
            Seen::TooEarly => Err("its first program has not started yet"),
            Seen::Nothing => Err("it has just ended, or has a kernel of its own"),
        };
        let container = &it.container;
        let name = container.name.known().map_or(container.short_id(), |name| name).to_owned();
        SetUp { name, failed, accepted }
    };
    running.iter().map(one).collect()
}

fn report(
    scene: Option<&Scene>,
    support: &Support,
    (images, set_up): (Vec<String>, Vec<SetUp>),
    made: Timestamp,
) -> Report {
    let roots = || scene.into_iter().flat_map(|scene| &scene.roots);
    let mut supports: Vec<Supports> = roots()
        .filter(|root| root.not_read.is_none())
        .map(|root| Supports {
            names: names(root),
            system: root.os.as_ref().map_or("unknown", |os| os.label()).to_owned(),
            verdict: support.os(root.os.as_ref()),
        })
        .collect();
    supports.sort_by_key(|it| match it.verdict.state {
        State::Eol => 0,
        State::LtsOnly => 1,
        State::Unknown => 2,
        _ => 3,
    });
    Report {
        node: node::hostname(),
        made,
        data: scene.map(|scene| (scene.report.made_on, scene.report.age_days)),
        steps: steps(roots(), support),
        supports,
        accepted: roots()
            .flat_map(accepted)
            .chain(set_up.iter().flat_map(SetUp::accepted))
            .collect(),
        images,
        set_up,
        unknown: unknown(scene),
    }
}

impl SetUp {
    /// What is accepted of it, and why, for people.
    fn accepted(&self) -> impl Iterator<Item = String> {
        self.accepted.iter().map(|(what, why)| format!("{what} in {}: {why}", self.name))
    }
}

/// What is accepted of a root, and why.
fn accepted(root: &Vulnerable) -> Vec<String> {
    let one = |(finding, _): &(Finding, InUse)| {
        let why = finding.accepted.as_deref()?;
        let (id, package) = (&finding.found.id, &finding.coordinate.name);
        Some(format!("{id} of {package} in {}: {why}", names(root)))
    };
    root.findings.iter().filter_map(one).collect()
}

/// What to do, in the order in which it matters: by how grave it is, whether it is in use,
/// exploited and exposed; of what matters alike, what is in use comes first.
fn steps<'s>(roots: impl Iterator<Item = &'s Vulnerable>, support: &Support) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for root in roots {
        let is_over = support.os(root.os.as_ref()).state == State::Eol;
        for (finding, in_use) in root.findings.iter().filter(|(it, _)| it.counts()) {
            let (place, is_exposed) = (names(root), !root.exposed(finding).is_empty());
            let known = steps.iter_mut().find(|it| {
                it.package == finding.coordinate.name
                    && it.installed == finding.coordinate.version
                    && it.places.contains(&place)
            });
            match known {
                Some(step) => {
                    step.is_exposed |= is_exposed;
                    step.join(finding, in_use);
                }
                None => {
                    let mut step = Step::new(finding, in_use, place, is_exposed);
                    step.is_out_of_support = is_over;
                    steps.push(step);
                }
            }
        }
    }
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        let same = merged.iter_mut().find(|it| {
            it.package == step.package && it.installed == step.installed && it.rank == step.rank
        });
        match same {
            Some(known) => {
                known.places.extend(step.places);
                known.is_exposed |= step.is_exposed;
                known.is_out_of_support |= step.is_out_of_support;
            }
            None => merged.push(step),
        }
    }
    merged.iter_mut().for_each(Step::grade);
    merged.sort_by_key(|it| {
        let severity = std::cmp::Reverse((it.severity, it.tenths));
        (it.priority, it.rank, !it.is_exploited, !it.is_exposed, severity, it.package.clone())
    });
    merged
}

impl Step {
    fn new(finding: &Finding, in_use: &InUse, place: String, is_exposed: bool) -> Self {
        let mut step = Self {
            package: finding.coordinate.name.clone(),
            installed: finding.coordinate.version.clone(),
            fixed: finding.found.fixed.clone(),
            places: vec![place],
            vulnerabilities: Vec::new(),
            in_use: in_use.name(),
            rank: in_use.rank(),
            is_exploited: false,
            is_exposed,
            is_out_of_support: false,
            priority: Priority::Debug,
            severity: Level::Unknown,
            tenths: 0,
            level: finding.found.severity.level.name(),
        };
        step.join(finding, in_use);
        step
    }

    fn join(&mut self, finding: &Finding, in_use: &InUse) {
        let found = &finding.found;
        self.vulnerabilities.push(found.id.clone());
        self.is_exploited |= found.exploited.is_some();
        if in_use.rank() < self.rank {
            (self.rank, self.in_use) = (in_use.rank(), in_use.name());
        }
        // The findings come by their severity, and the versions of one ecosystem as it writes them:
        // that of the last of them mends the others, too, if it is the greatest.
        if let Some(fixed) = &found.fixed {
            let ecosystem = &finding.coordinate.ecosystem;
            let is_later = |known: &String| is_later(ecosystem, fixed, known);
            if self.fixed.as_ref().is_none_or(is_later) {
                self.fixed = Some(fixed.clone());
            }
        }
        let (level, tenths) = (found.severity.level, found.severity.tenths.unwrap_or_default());
        if (level, tenths) > (self.severity, self.tenths) {
            (self.severity, self.tenths, self.level) = (level, tenths, level.name());
        }
    }

    /// Says how much it matters.
    fn grade(&mut self) {
        self.priority = grade(Weight {
            level: self.severity,
            is_exploited: self.is_exploited,
            in_use: match self.rank {
                ..=2 => Some(true),
                3 => None,
                _ => Some(false),
            },
            is_exposed: self.is_exposed,
            has_fix: self.fixed.is_some(),
            is_out_of_support: self.is_out_of_support,
        });
    }
}

fn unknown(scene: Option<&Scene>) -> Vec<String> {
    let Some(scene) = scene else {
        return vec![
            "no data about vulnerabilities: make a pack with `runmon data build`, and name it with \
             --pack or `vulnerability_pack`"
                .to_owned(),
        ];
    };
    let mut unknown = Vec::new();
    if scene.usage_ns.is_none() {
        unknown.push(
            "what was in use before this moment: no daemon with `in_use: true` has written it down"
                .to_owned(),
        );
    }
    for root in &scene.roots {
        let name = names(root);
        if let Some(why) = root.not_read {
            unknown.push(format!("what is installed in {name}: {why}"));
            continue;
        }
        let gap = |it: &String| format!("all that is installed in {name}: {it}");
        unknown.extend(root.gaps.iter().map(gap));
        if let (Some(why), true) = (root.coverage.lacks(), scene.usage_ns.is_some()) {
            unknown.push(format!("what is not used in {name}: {why}"));
        }
        let without = root.unknown + root.unplaced;
        if without > 0 {
            unknown.push(format!("{without} packages in {name}: no data are about them"));
        }
    }
    unknown
}

fn json(report: &Report) -> Value {
    let step = |it: &Step| {
        json!({
            "package": it.package, "installed": it.installed, "fixed": it.fixed,
            "priority": it.priority.name().to_ascii_lowercase(),
            "where": it.places, "vulnerabilities": it.vulnerabilities, "in_use": it.in_use,
            "exploited": it.is_exploited, "exposed": it.is_exposed, "severity": it.level,
        })
    };
    let supports = |it: &Supports| {
        json!({
            "where": it.names, "system": it.system, "state": it.verdict.state.name(),
            "until": it.verdict.until.map(|day| day.to_string()),
            "source": &*it.verdict.source,
        })
    };
    let assessment = |it: &Assessment| {
        json!({
            "check": it.check.id, "title": it.check.title, "text": it.text,
            "priority": it.check.priority.name().to_ascii_lowercase(),
        })
    };
    let set_up = |it: &SetUp| {
        let failed = it.failed.as_ref();
        json!({
            "name": it.name,
            "failed": failed.ok().map(|all| all.iter().map(assessment).collect::<Vec<_>>()),
            "because": failed.err(),
        })
    };
    json!({
        "node": report.node,
        "made": report.made.to_string(),
        "data": report.data.map(|(made_on, age_days)| {
            json!({ "made_on": moment(made_on), "age_days": age_days })
        }),
        "update_plan": report.steps.iter().map(step).collect::<Vec<_>>(),
        "images": report.images,
        "lifecycle": report.supports.iter().map(supports).collect::<Vec<_>>(),
        "set_up": report.set_up.iter().map(set_up).collect::<Vec<_>>(),
        "accepted": report.accepted,
        "not_known": report.unknown,
    })
}
