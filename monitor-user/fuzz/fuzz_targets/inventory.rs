//! Any bytes are databases, descriptions, archives and programs of packages, or none: each parser
//! ends within its bounds, and what it tells has a name and can be told on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_inventory::{
    Kind, Package, apk, cargo_auditable, diversions::Diversions, dpkg, files, go, java, lifecycle,
    node, os_release, python, rpm,
};

/// Checks what is told of a package.
fn check(package: Package) {
    assert!(!package.name.is_empty(), "{package:?}");
    assert!(!package.name.contains(char::is_control), "{package:?}");
    assert!(package.purl(None).starts_with("pkg:"));
    let told = package.osv(None);
    assert!(told.is_none() || !package.kind.is_of_os(), "nobody said of which system it is");
}

fuzz_target!(|bytes: &[u8]| {
    // The first byte says whose turn it is, so that the fuzzer need not please all at once.
    let Some((turn, bytes)) = bytes.split_first() else { return };
    match turn % 11 {
        0 => {
            dpkg::parse(bytes, dpkg::STATUS, check);
            if let Some(diversions) = Diversions::parse(bytes) {
                assert!(diversions.place(b"/bin/sh", "dash").starts_with(b"/"));
            }
        }
        1 => {
            apk::parse(bytes, apk::PATHS[0], check);
            apk::each_file(bytes, |path, _| assert!(!files::unmerged(path).is_empty()));
        }
        2 => {
            let read = rpm::each_header(&bytes, &mut |header| {
                if let Some(header) = header.and_then(rpm::parse_header) {
                    rpm::package(&header, rpm::PATHS[0]).into_iter().for_each(check);
                    header.each_file(&mut |_| {});
                }
            });
            assert!(read.is_err() || bytes.len() >= 512);
        }
        3 => {
            if let Some(header) = rpm::parse_header(bytes) {
                rpm::package(&header, rpm::PATHS[0]).into_iter().for_each(check);
                header.each_file(&mut |_| {});
            }
        }
        4 => {
            go::parse(bytes, "/x", check);
        }
        5 => {
            cargo_auditable::parse(bytes, "/x", check);
        }
        6 => python::parse(bytes, "/x").into_iter().for_each(check),
        7 => node::parse(bytes, "/x").into_iter().for_each(check),
        8 => {
            java::parse(bytes, "/x.jar", &mut |package| {
                assert_eq!(package.kind, Kind::Java);
                check(package);
            });
        }
        9 => {
            let today = lifecycle::Date::parse("2026-11-29").expect("it is a day");
            if let Some(os) = os_release::parse(bytes) {
                let table = lifecycle::Table::embedded();
                let _verdict = table.os(&os, today, lifecycle::Tier::Lts);
                let _told = (os.ecosystem(), os.distro());
            }
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            let _said = lifecycle::annotated(&text);
            let _tables = (lifecycle::Table::parse(&text), lifecycle::DateMap::parse(&text));
        }
    }
});
