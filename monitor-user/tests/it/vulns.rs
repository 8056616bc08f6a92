//! Packs of vulnerability data, from the files to what is told of packages.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{
    folder::Folder,
    golden,
    program::{run, run_as_nobody, testdata},
};

/// The records that `monitor-vulns` is tested with.
fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor-vulns/testdata")
}

/// Copies of what is one file a source, all of one time.
fn feeds(folder: &Folder) -> Vec<PathBuf> {
    let names = ["tracker.json", "secdb.json", "kev.json", "epss.csv", "vex.json"];
    let copy = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, fs::read(records().join(name)).unwrap()).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_000_000);
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        path
    };
    names.into_iter().map(copy).collect()
}

fn build(folder: &Folder, name: &str) -> (PathBuf, String) {
    let feeds = feeds(folder);
    let osv = records().join("osv");
    let pack = folder.path().join(name);
    let mut args = vec!["data", "build", "--made-on", "2026-11-02"];
    let paths = [&osv].into_iter().chain(&feeds).chain([&pack]);
    let options = ["--osv", "--debian-tracker", "--secdb", "--kev", "--epss", "--vex", "-o"];
    for (option, path) in options.into_iter().zip(paths) {
        args.extend([option, path.to_str().unwrap()]);
    }
    let outcome = run(&args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    (pack, String::from_utf8(outcome.stdout).unwrap())
}

/// What says how old the data are changes each day.
fn without_age(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let is_age = |line: &&str| {
        ["data made on", "    \"age_days\"", "    \"is_old\""].iter().any(|it| line.starts_with(it))
    };
    text.lines().filter(|line| !is_age(line)).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_pack_is_made_and_asked() {
    let folder = Folder::new("vulns");
    let (pack, shown) = build(&folder, "one.pack");
    golden::compare("testdata/vulns/shown.txt", shown.as_bytes());
    let pack = pack.to_str().unwrap();
    assert_eq!(run(&["data", "verify", pack]).code, Some(0));
    let list = testdata("vulns/image.cdx.json");
    let asked = |more: &[&str]| {
        let args = ["vulns", "--pack", pack, "--sbom", &list];
        run(&[&args, more].concat())
    };
    let told = asked(&[]);
    assert_eq!(told.code, Some(1));
    assert!(told.stderr.contains("days old"), "{}", told.stderr);
    golden::compare("testdata/vulns/told.txt", without_age(&told.stdout).as_bytes());
    let json = asked(&["--format", "json", "--all", "--max-age", "100000"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(1), ""));
    golden::compare("testdata/vulns/told.json", without_age(&json.stdout).as_bytes());
    let few = asked(&["--only-fixed", "--severity", "critical"]);
    let few = String::from_utf8(few.stdout).unwrap();
    assert!(few.contains("CVE-2021-45046") && !few.contains("CVE-2020-28493"), "{few}");
    assert!(few.contains("CVE-2026-0861") && !few.contains("no fix"), "{few}");
}

#[test]
fn the_same_files_give_the_same_pack() {
    let folder = Folder::new("vulns-same");
    let (one, _) = build(&folder, "one.pack");
    let (two, _) = build(&folder, "two.pack");
    assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
}

#[test]
fn a_bad_record_is_told_and_no_reason_to_stop() {
    let folder = Folder::new("vulns-bad");
    let osv = folder.path().join("osv");
    fs::create_dir(&osv).unwrap();
    fs::write(osv.join("bad.json"), "{").unwrap();
    let good = records().join("osv/PYSEC-2021-66.json");
    fs::copy(good, osv.join("good.json")).unwrap();
    // A link may lead anywhere.
    std::os::unix::fs::symlink("/", osv.join("link.json")).unwrap();
    let pack = folder.path().join("x.pack");
    let [osv, pack] = [osv, pack].map(|path| path.to_str().unwrap().to_owned());
    let outcome = run(&["data", "build", "--osv", &osv, "-o", &pack]);
    assert_eq!(outcome.code, Some(0));
    let told = format!("left out: {osv}/bad.json: EOF while parsing");
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    let shown = String::from_utf8(outcome.stdout).unwrap();
    assert!(shown.contains("1 could not be read"), "{shown}");
}

#[test]
fn what_cannot_be_used_is_2_and_says_what_to_do() {
    let folder = Folder::new("vulns-wrong");
    let (pack, _) = build(&folder, "one.pack");
    let list = testdata("vulns/image.cdx.json");
    let (pack, list) = (pack.to_str().unwrap(), list.as_str());
    let check = |args: &[&str], stderr: &str| {
        let outcome = run(args);
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(stderr), "{}", outcome.stderr);
    };
    check(&["data", "build", "-o", "/x"], "hint: name records");
    check(&["data", "build", "--osv", "/nonexistent", "-o", "/x"], "hint: check the path");
    check(&["data", "build", "--osv", list, "-o", "/x"], "no record could be used");
    check(&["data", "build", "--secdb", list, "-o", "/x"], "missing field `packages`");
    check(&["data", "show", list], "`runmon data build` makes one");
    check(&["data", "show", "/dev/null"], "name a regular file");
    check(&["vulns", "--pack", pack, "--sbom", pack], "it is not UTF-8 text");
    let kev = records().join("kev.json");
    check(&["vulns", "--pack", pack, "--sbom", kev.to_str().unwrap()], "syft -o cyclonedx-json");
    let cut = folder.path().join("cut.pack");
    let bytes = fs::read(pack).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    check(&["data", "verify", cut.to_str().unwrap()], "copy it again");
}

#[test]
fn it_needs_no_rights() {
    let outcome = run_as_nobody(&["vulns", "--pack", "/dev/null", "--sbom", "/dev/null"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("not a regular file"), "{}", outcome.stderr);
}
