//! What it takes to know what is installed on this host: the index of the paths of its packages,
//! which rules ask, and all of its inventory: `cargo bench -p monitor-user --bench packages`.
#![expect(clippy::print_stdout, reason = "a benchmark tells its result")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use std::{fs, os::unix::fs::MetadataExt as _, process, time::Instant};

use runmon::{
    enrich::hashes::FileKey,
    packages::{
        Belonging, Direct, Find as _, Here, Index, Librarian, PackageQuestion, Roots as _,
        inventory,
    },
};

/// A program that every host with dpkg has.
const PROGRAM: &str = "/usr/bin/dpkg";

/// Each is done so often; the first time is shown beside the median of the others.
const ROUNDS: usize = 5;

fn main() {
    let raw = fs::metadata(PROGRAM).unwrap();
    let key = FileKey { major: 0, minor: 0, inode: raw.ino(), ctime_ns: 0, size: raw.len() };
    let question = PackageQuestion {
        key,
        magic: 0,
        path: PROGRAM.as_bytes().into(),
        viewers: vec![process::id()],
        since_ns: None,
    };
    let files = Direct.find(&question, &[]).unwrap().files.unwrap();
    let paths: usize =
        files.iter().map(|it| it.bytes.iter().filter(|it| **it == b'\n').count()).sum();
    println!("{} lists of packages with {paths} paths", files.len());
    told("read and index them", || {
        let index = Index::of(&Direct.find(&question, &[]).unwrap().files.unwrap()).unwrap();
        assert!(index.package(PROGRAM.as_bytes()).is_some());
    });
    let mut librarian = Librarian::new(Box::new(Direct));
    let mut ask = || {
        let answer = librarian.answer(&question).package;
        let name = answer.known().and_then(|it: &std::sync::Arc<Belonging>| it.name.clone());
        assert_eq!(name.as_deref(), Some("dpkg"));
    };
    ask();
    told("ask about a file once they are known", ask);
    let mut here = Here::default();
    here.open(None).unwrap();
    let skip = inventory::other_file_systems();
    let mut packages = 0;
    told("walk through the host for its inventory", || {
        packages = inventory::read(&here, &skip).packages.len();
    });
    println!("{packages} packages of all kinds");
}

fn told(what: &str, mut done: impl FnMut()) {
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            done();
            begun.elapsed().as_micros()
        })
        .collect();
    let first = times.remove(0);
    times.sort_unstable();
    let median = times.get(times.len() / 2).unwrap();
    println!("{what}: {first} µs, then {median} µs");
}
