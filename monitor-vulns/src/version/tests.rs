//! Known answers, the laws of an order, and the real tools where they are here.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::*;

/// What versions of each scheme are put together of, after a digit.
const PIECES: &[(Scheme, &[&str])] = &[
    (
        Scheme::Dpkg,
        &["0", "1", "9", "10", "01", ".", "+", "~", "-", "a", "Z", "~~", "deb12u1", "ubuntu", "rc"],
    ),
    (
        Scheme::Apk,
        &[
            ".0",
            ".1",
            ".9",
            ".10",
            ".01",
            ".010",
            "a",
            "b",
            "_alpha",
            "_beta1",
            "_pre",
            "_rc2",
            "_cvs",
            "_svn",
            "_git20200101",
            "_hg",
            "_p",
            "_p1",
            "~ab12",
            "-r0",
            "-r1",
            "-r10",
            "2",
        ],
    ),
    (
        Scheme::Rpm,
        &["0", "1", "9", "10", "01", ".", "+", "~", "^", "_", "a", "Z", "el9", "rc", "git"],
    ),
    (
        Scheme::Semver,
        &[
            ".0",
            ".1",
            ".9",
            ".10",
            ".2.3",
            "-",
            "-alpha",
            "-rc.1",
            "-rc.10",
            ".beta",
            "+build",
            "+incompatible",
            "-0",
            "-20200101000000-abcdef123456",
            ".0-1",
        ],
    ),
    (
        Scheme::Pep440,
        &[
            ".0",
            ".1",
            ".10",
            "!1",
            "a1",
            ".alpha",
            "b2",
            "rc1",
            "-c",
            "_pre3",
            ".post1",
            "-1",
            "rev2",
            ".dev0",
            ".dev",
            "+local.1",
            "+ubuntu.1",
            "_a",
        ],
    ),
    (
        Scheme::Maven,
        &[
            ".0",
            ".1",
            ".10",
            "-1",
            "-0",
            "alpha",
            "-alpha-1",
            "a1",
            ".beta",
            "-m2",
            "rc",
            "cr2",
            "-SNAPSHOT",
            ".Final",
            "-ga",
            "-sp",
            "sp1",
            "-foo",
            ".foo",
            "x",
            ".RELEASE",
            "-",
        ],
    ),
];

fn pieces(scheme: Scheme) -> &'static [&'static str] {
    PIECES.iter().find(|(one, _)| *one == scheme).unwrap().1
}

/// Versions of a scheme that were put together.
fn some(scheme: Scheme) -> impl Strategy<Value = (String, Version)> {
    let first = prop::sample::select(vec!["0", "1", "2", "10"]);
    let rest = prop::collection::vec(prop::sample::select(pieces(scheme)), 0..5);
    (first, rest).prop_filter_map("no version", move |(first, rest)| {
        let text = format!("{first}{}", rest.concat());
        let version = scheme.parse(&text)?;
        Some((text, version))
    })
}

fn schemes() -> impl Strategy<Value = Scheme> {
    prop::sample::select(Scheme::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn every_order_is_total(
        (one, two, three) in schemes().prop_flat_map(|it| (some(it), some(it), some(it)))
    ) {
        let compare = |one: &(String, Version), two: &(String, Version)| {
            one.1.compare(&two.1).unwrap()
        };
        prop_assert_eq!(compare(&one, &one), Ordering::Equal);
        prop_assert_eq!(compare(&one, &two), compare(&two, &one).reverse());
        let mut all = [&one, &two, &three];
        all.sort_by(|one, two| compare(one, two));
        let [low, middle, high] = all;
        prop_assert!(compare(low, middle).is_le() && compare(middle, high).is_le());
        prop_assert!(compare(low, high).is_le(), "{} {} {}", low.0, middle.0, high.0);
        // What is the same as another is so to all.
        if compare(low, middle).is_eq() {
            prop_assert_eq!(compare(low, high), compare(middle, high));
        }
        if compare(middle, high).is_eq() {
            prop_assert_eq!(compare(low, middle), compare(low, high));
        }
    }

    #[test]
    fn any_text_is_a_version_or_none(scheme in schemes(), one in ".{0,40}", two in "[ -~]{0,40}") {
        if let (Some(one), Some(two)) = (scheme.parse(&one), scheme.parse(&two)) {
            prop_assert_eq!(one.compare(&two), two.compare(&one).map(Ordering::reverse));
        }
    }
}

/// Each line is in ascending order; `=` stands between what is the same.
fn ascending(scheme: Scheme, lines: &[&str]) {
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        for pair in words.windows(2).filter(|pair| !pair.contains(&"=")) {
            assert_eq!(compared(scheme, pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        for triple in words.windows(3).filter(|triple| triple[1] == "=") {
            assert_eq!(compared(scheme, triple[0], triple[2]), Ordering::Equal, "{triple:?}");
        }
    }
}

fn compared(scheme: Scheme, one: &str, two: &str) -> Ordering {
    let parse = |text| scheme.parse(text).unwrap_or_else(|| panic!("{text} is no version"));
    parse(one).compare(&parse(two)).unwrap()
}

fn none(scheme: Scheme, texts: &[&str]) {
    for text in texts {
        assert!(scheme.parse(text).is_none(), "{text}");
    }
}

#[test]
fn debian_orders_as_its_policy_says() {
    ascending(
        Scheme::Dpkg,
        &[
            "1.0~~ 1.0~~a 1.0~ 1.0 1.0a 1.0+ 1.0.1 1:0.1",
            "1.0 = 1.0-0 = 0:1.00-0 1.0-1~bpo1 1.0-1 1.0-1+b1 1.0-1.1 1.0-10",
            "3.0.11-1~deb12u1 3.0.11-1~deb12u2 3.0.11-1 3.0.13-1~deb12u1",
            "2.36-9+deb12u1 2.36-9+deb12u10",
            "9 10 99999999999999999999 100000000000000000000",
        ],
    );
    none(Scheme::Dpkg, &["", ":1", "a:1", "1-", "unknown", "1 2", "1/2", "2147483648:1", "-1"]);
}

#[test]
fn alpine_orders_as_apk_does() {
    ascending(
        Scheme::Apk,
        &[
            "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre 1.0_rc1 1.0 1.0-r1 1.0_p 1.0_p1 1.0a 1.0.1",
            "1.2.3 1.2.3-r1 1.2.3-r10 1.2.3_cvs 1.2.3_svn 1.2.3_git20200101 1.2.3_hg 1.2.3_p0",
            // A leading zero makes a number a text.
            "0.01 0.010 0.1 0.9 0.10",
            "1.1.1t-r0 1.1.1t-r3 1.1.1u-r0 3.0.8-r0",
        ],
    );
    none(Scheme::Apk, &["", "a", "1.", "1_", "1_foo", "1-r", "1-1", "1ab", "1-r1_p1", "1~"]);
}

#[test]
fn rpm_orders_as_rpmvercmp_does() {
    ascending(
        Scheme::Rpm,
        &[
            "1.0~rc1 1.0~rc1^git1 1.0 1.0^git1 1.0^git1.1 1.0.1 1:0",
            "1.0a 1.0.a1 = 1.0a1 1.0.1 = 1_0_1 1.0.2",
            "5.14.0-70.el9 5.14.0-70.13.1.el9 5.14.0-162.el9",
            "2.0 = 2_0 = 02.00",
        ],
    );
    none(Scheme::Rpm, &["", "a:1", "-1", "1 2", "1(2)"]);
}

#[test]
fn semantic_versions_are_ordered_as_specified() {
    ascending(
        Scheme::Semver,
        &[
            "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 \
             1.0.0-rc.1 1.0.0 = v1.0 = 1 = 1.0.0+build 1.0.1",
            "v0.0.0-20190101000000-abcdef123456 v0.0.0-20200101000000-000000000000 v0.0.1-pre v0.0.1",
            "v2.0.0+incompatible v2.0.1+incompatible",
            "v1.2.4-0.20200101000000-abcdef123456 v1.2.4",
        ],
    );
    none(Scheme::Semver, &["", "v", "a", "1.", "1.x", "1-", "1-a..b", "1+", "(devel)", "1.*"]);
}

#[test]
fn python_orders_as_its_pep_says() {
    ascending(
        Scheme::Pep440,
        &[
            "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 \
             1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 \
             1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1!0",
            "1.0 = 1 = v1.0.0 1.0-1 = 1.0.post1 = 1.0r1",
            "1.0a = 1.0.alpha0 = 1.0_a-0 = 1.0A0",
        ],
    );
    none(Scheme::Pep440, &["", "a", "1.", "1.0+", "1.0x", "1!", "1.0+a..b", "1.0a1b1", "2004d"]);
}

#[test]
fn maven_orders_as_its_reference_says() {
    ascending(
        Scheme::Maven,
        &[
            "1-alpha 1-beta 1-milestone 1-rc 1-snapshot 1 1-sp 1-foo 1-1 1.1",
            "1 = 1.0 = 1.0.0 = 1-ga = 1.ga = 1.final = 1-0.0.0 = 1.0.0-",
            "1.0.0-foo = 1-foo = 1.0-foo",
            "1-a1 = 1-alpha-1 1-rc = 1-cr",
            "2.14.1 2.15.0-rc1 2.15.0 2.17.1",
            "5.3.17 5.3.18.RELEASE = 5.3.18",
        ],
    );
    none(Scheme::Maven, &["", "a", "1 2", "${version}", "[1,2)"]);
}

/// Pairs of versions of a scheme that were put together, the same ones each time.
fn pairs(scheme: Scheme, count: usize) -> Vec<(String, String)> {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let both = (some(scheme), some(scheme));
    (0..count)
        .map(|_| {
            let ((one, _), (two, _)) = both.new_tree(&mut runner).unwrap().current();
            (one, two)
        })
        .collect()
}

/// Compares with what a tool says of each pair: -1, 0 or 1, a line each, and nothing known of a
/// pair that it does not take. Says so where the tool is not here.
fn differs(scheme: Scheme, tool: &str, pairs: &[(String, String)], command: &mut Command) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        println!("skipped: {tool} is not here");
        return;
    };
    let mut input = child.stdin.take().unwrap();
    let text: String = pairs.iter().map(|(one, two)| format!("{one} {two}\n")).collect();
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.trim_end();
    if !output.status.success() || said.lines().count() != pairs.len() {
        println!("skipped: {tool} is not here, or not whole");
        return;
    }
    let mut looked_at = 0;
    for ((one, two), said) in pairs.iter().zip(said.lines()) {
        let Ok(said) = said.parse::<i32>() else { continue };
        assert_eq!(compared(scheme, one, two), said.cmp(&0), "{tool}: {one} {two}");
        looked_at += 1;
    }
    assert!(looked_at > pairs.len() / 4, "{tool} took {looked_at} of {}", pairs.len());
    println!("{tool}: {looked_at} pairs are ordered the same");
}

#[test]
fn dpkg_itself_says_the_same() {
    let script = "while read -r a b; do if dpkg --compare-versions \"$a\" lt \"$b\"; then echo -1; \
                  elif dpkg --compare-versions \"$a\" eq \"$b\"; then echo 0; else echo 1; fi; done";
    let pairs = pairs(Scheme::Dpkg, 200);
    let mut command = Command::new("sh");
    // Without dpkg all would be greater: that is looked for first.
    let script = format!("dpkg --version >&2 || exit 1; {script}");
    differs(Scheme::Dpkg, "dpkg", &pairs, command.args(["-c", &script]));
}

#[test]
fn rpm_itself_says_the_same() {
    // Of whole versions RPM passes over a release that one lacks; its parts have one order.
    let mut pairs = pairs(Scheme::Rpm, 2000);
    pairs.retain(|(one, two)| !format!("{one}{two}").contains('-'));
    let script = "%{lua:for line in io.lines() do local a, b = line:match('(%S+) (%S+)'); \
                  print(rpm.vercmp(a, b) .. '\\n') end}";
    let script = script.replace("print(", "io.write(");
    differs(Scheme::Rpm, "rpm", &pairs, Command::new("rpm").args(["--eval", &script]));
}

/// The interpreter, of which a developer may name another that has the packages.
fn python() -> Command {
    Command::new(std::env::var_os("RUNMON_TEST_PYTHON").unwrap_or_else(|| "python3".into()))
}

#[test]
fn packaging_itself_says_the_same() {
    let script = "import sys\nfrom packaging.version import Version\n\
                  for line in sys.stdin:\n    a, b = map(Version, line.split())\n    \
                  print((a > b) - (a < b))";
    let pairs = pairs(Scheme::Pep440, 2000);
    differs(Scheme::Pep440, "packaging", &pairs, python().args(["-c", script]));
}

#[test]
fn the_semver_of_npm_itself_says_the_same() {
    const MODULES: [&str; 2] = ["/usr/lib/node_modules/npm", "/usr/share/nodejs/npm"];
    let module = MODULES.iter().map(|dir| format!("{dir}/node_modules/semver"));
    let module = module.into_iter().find(|dir| Path::new(dir).exists()).unwrap_or_default();
    let script = format!(
        "const semver = require('{module}'); \
         const text = require('fs').readFileSync(0, 'utf8').trim(); \
         for (const line of text.split('\\n')) {{ const [a, b] = line.split(' '); \
         console.log(semver.valid(a) && semver.valid(b) ? semver.compare(a, b) : '?') }}"
    );
    // What is short, npm does not take: it is filled up first.
    let full = |text: &String| {
        let end = text.find(['-', '+']).unwrap_or(text.len());
        let (core, rest) = text.split_at(end);
        let missing = 2usize.saturating_sub(core.matches('.').count());
        format!("{core}{}{rest}", ".0".repeat(missing))
    };
    let pairs = pairs(Scheme::Semver, 4000);
    let pairs: Vec<_> = pairs.iter().map(|(one, two)| (full(one), full(two))).collect();
    differs(Scheme::Semver, "semver", &pairs, Command::new("node").args(["-e", &script]));
}

#[test]
fn maven_itself_says_the_same() {
    let pairs = pairs(Scheme::Maven, 600);
    let lib = Path::new("/usr/share/maven/lib");
    let Ok(jars) = std::fs::read_dir(lib) else {
        println!("skipped: Maven is not here");
        return;
    };
    let jars = jars.map(|jar| jar.unwrap().path().display().to_string());
    let path = jars.collect::<Vec<_>>().join(":");
    let mut command = Command::new("java");
    command.args(["-cp", &path, "org.apache.maven.artifact.versioning.ComparableVersion"]);
    // It compares each argument with the one before it.
    command.args(pairs.iter().flat_map(|(one, two)| [one, two]));
    let Ok(output) = command.output() else {
        println!("skipped: Java is not here");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("   ")).collect();
    if lines.is_empty() {
        println!("skipped: Maven is not whole here");
        return;
    }
    let mut differ = 0;
    for (line, (one, two)) in lines.iter().step_by(2).zip(&pairs) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[0], words[2]), (one.as_str(), two.as_str()));
        let said = match words[1] {
            "<" => Ordering::Less,
            "==" => Ordering::Equal,
            _ => Ordering::Greater,
        };
        if compared(Scheme::Maven, one, two) != said {
            println!("Maven: {line}");
            differ += 1;
        }
    }
    // Its code and its reference differ where a dot stands before a word, and where a separator
    // stands before nothing.
    println!("Maven: {differ} of {} differ", pairs.len());
    assert!(differ * 10 < pairs.len());
}
