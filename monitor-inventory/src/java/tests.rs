//! Jars that were made here.

use flate2::{Compression, write::DeflateEncoder};
use proptest::prelude::*;
use std::io::Write as _;

use super::*;

/// An archive of these files, deflated or stored.
pub(crate) fn archive(files: &[(&str, &[u8])], deflates: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let packed = if deflates {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
        let local = bytes.len();
        let method = short(if deflates { 8 } else { 0 });
        let sizes = [long(packed.len()), long(content.len())].concat();
        let head = [&method[..], &[0; 8], &sizes, &short(name.len()), &[0; 2]].concat();
        bytes.extend([&b"PK\x03\x04\x14\0\0\0"[..], &head, name.as_bytes(), &packed].concat());
        let rest = [&[0; 10][..], &long(local), name.as_bytes()].concat();
        directory.extend([&b"PK\x01\x02\x14\0\x14\0\0\0"[..], &head, &rest].concat());
    }
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let begin = bytes.len();
    bytes.extend(&directory);
    bytes.extend(
        [b"PK\x05\x06", &[0; 8][..], &long(directory.len()), &long(begin), &[0; 2]].concat(),
    );
    bytes
}

const POM: &[u8] =
    b"#Generated\nversion=2.14.1\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n";
const POM_PATH: &str = "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties";

fn all(bytes: &[u8], path: &str) -> (Vec<String>, Told) {
    let mut found = Vec::new();
    let told = parse(bytes, path, &mut |it| {
        found.push(format!("{}@{} {}", it.name, it.version, it.path));
    });
    (found, told)
}

#[test]
fn a_jar_in_a_jar_is_read() {
    let inner = archive(&[(POM_PATH, POM)], true);
    let manifest =
        b"Manifest-Version: 1.0\r\nImplementation-Title: app\r\nImplementation-Version: 3\r\n";
    let files = [("META-INF/MANIFEST.MF", &manifest[..]), ("BOOT-INF/lib/log4j.jar", &inner)];
    for deflates in [true, false] {
        let (found, told) = all(&archive(&files, deflates), "/app.jar");
        assert_eq!(told, Told::default());
        let log4j = "org.apache.logging.log4j:log4j-core@2.14.1 /app.jar!/BOOT-INF/lib/log4j.jar";
        assert_eq!(found, ["app@3 /app.jar", log4j]);
    }
}

#[test]
fn names_tell_where_nothing_else_does() {
    let empty = archive(&[("x", b"")], false);
    assert_eq!(
        all(&empty, "/a/commons-io-2.11.0.jar").0,
        ["commons-io@2.11.0 /a/commons-io-2.11.0.jar"]
    );
    assert_eq!(all(&empty, "/a/app.jar").0, [""; 0]);
    let script =
        [b"#!/bin/sh\nexec java -jar $0\n".to_vec(), archive(&[("x", b"")], true)].concat();
    assert_eq!(all(&script, "/a/b-1.jar").0.len(), 1, "a script before it");
}

#[test]
fn a_bomb_is_cut_and_told() {
    let bomb = vec![0; usize::try_from(DESCRIPTION_BYTES).unwrap() + 1];
    let (found, told) = all(&archive(&[(POM_PATH, &bomb)], true), "/bomb.jar");
    assert!(found.is_empty() && told.is_cut);
    assert!(all(b"", "/x.jar").1.is_broken);
}

proptest! {
    #[test]
    fn flipped_bytes_end(at in 0_usize..2_000, byte: u8, end in 0_usize..2_000) {
        let inner = archive(&[(POM_PATH, POM)], true);
        let mut bytes = archive(&[("lib/a-1.jar", &inner), (POM_PATH, POM)], false);
        if let Some(it) = bytes.get_mut(at) {
            *it = byte;
        }
        bytes.truncate(end.max(20));
        let _all = all(&bytes, "/x.jar");
    }
}
