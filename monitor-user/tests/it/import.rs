//! `runmon rules import sigma`: what is written, what is told, and the exit codes.

use std::fs;

use crate::{
    folder::Folder,
    program::{Outcome, run, write},
};

const GOOD: &str = "title: A shell is copied\nid: 11111111-2222-4333-8444-555555555555\n\
                    logsource: {product: linux, category: process_creation}\n\
                    detection: {s: {Image|endswith: /cp, CommandLine|contains: /bin/sh}, \
                    condition: s}\nlevel: high\n";
const BAD: &str = "title: \"A name\\x1b[31m is asked\"\nlogsource: {category: dns_query}\n\
                   detection: {s: {QueryName: a}, condition: s}\n";

fn import(args: &[&str]) -> Outcome {
    run(&[&["rules", "import", "sigma"], args].concat())
}

#[test]
fn rules_are_written_and_what_is_left_out_is_told() {
    let folder = Folder::new("import");
    write(&folder, "a.yml", format!("{GOOD}---\n{BAD}").as_bytes());
    let all = folder.path().to_str().unwrap();
    let outcome = import(&[all]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let (file, rest) = outcome.stderr.split_once(": ").unwrap();
    assert!(file.ends_with("/a.yml:7"), "{file}");
    assert_eq!(
        rest,
        "`A name\\x1b[31m is asked`: log source category `dns_query` is not carried; these are: \
         process_creation, file_event, network_connection\n1 imported, 1 not\n"
    );
    // What was written loads, also beside other rules.
    let rules = write(&folder, "out.rules", &outcome.stdout);
    let listed = run(&["rules", "list", &rules]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("11111111-2222-4333-8444-555555555555  error     exec"), "{listed}");
    assert_eq!(run(&["rules", "check", &rules]).code, Some(0));
}

#[test]
fn what_is_no_file_is_told_and_the_rest_is_carried() {
    let folder = Folder::new("import-odd");
    write(&folder, "good.yml", GOOD.as_bytes());
    std::os::unix::fs::symlink("loop.yml", folder.path().join("loop.yml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yml")).unwrap();
    let fifo = folder.path().join("fifo.yml");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let all = folder.path().to_str().unwrap();
    let outcome = import(&[all]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let told: Vec<&str> = outcome.stderr.lines().collect();
    let [fifo, looped, zero, count] = told.as_slice() else { panic!("{}", outcome.stderr) };
    assert!(fifo.ends_with("/fifo.yml: it is a FIFO, not a regular file"), "{fifo}");
    assert!(looped.contains("/loop.yml: Too many levels of symbolic links"), "{looped}");
    assert!(zero.ends_with("/zero.yml: it is a character device, not a regular file"), "{zero}");
    assert_eq!(*count, "1 imported, 3 not");
    assert_eq!(import(&[all, "--strict"]).code, Some(2));
}

#[test]
fn a_file_is_made_once() {
    let folder = Folder::new("import-output");
    let good = write(&folder, "good.yml", GOOD.as_bytes());
    let output = folder.path().join("rules.yaml");
    let output = output.to_str().unwrap();
    let first = import(&[&good, "-o", output]);
    assert_eq!(
        (first.code, &*first.stdout, &*first.stderr),
        (Some(0), &b""[..], "1 imported, 0 not\n")
    );
    let made = fs::read(output).unwrap();
    let again = import(&[&good, "-o", output]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already\nhint: "), "{}", again.stderr);
    fs::write(output, "old").unwrap();
    assert_eq!(import(&[&good, "-o", output, "--force"]).code, Some(0));
    assert_eq!(fs::read(output).unwrap(), made);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let nowhere = import(&[&good, "-o", "/nowhere/rules.yaml"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.starts_with("runmon: cannot write /nowhere/rules.yaml: "));
}

#[test]
fn exit_codes() {
    let folder = Folder::new("import-codes");
    let good = write(&folder, "good.yml", GOOD.as_bytes());
    let bad = write(&folder, "bad.yml", BAD.as_bytes());
    let broken = write(&folder, "broken.yml", b"title: [");
    let output = folder.path().join("out.yaml");
    let output = output.to_str().unwrap();
    let none = import(&[&bad, &broken, "-o", output]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.ends_with("\n0 imported, 2 not\n"), "{}", none.stderr);
    let strict = import(&[&good, &bad, "--strict", "-o", output]);
    assert_eq!(strict.code, Some(2), "{}", strict.stderr);
    assert!(!fs::exists(output).unwrap());
    assert_eq!(import(&[&good, "--strict"]).code, Some(0));
    assert_eq!(import(&[]).code, Some(2));
    assert_eq!(import(&["/nowhere/rules"]).code, Some(2));
}
