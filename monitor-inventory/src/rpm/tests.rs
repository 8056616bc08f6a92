//! A database that rpm made, and bytes that nobody did.

use std::io::Read as _;

use proptest::prelude::*;

use super::*;

/// Made by rpm 4.18: `rpm --initdb`, and `rpm -i --justdb` of two packages of our own, one of them
/// with so many files that its header goes on in further pages.
fn database() -> Vec<u8> {
    let packed = include_bytes!("../../testdata/rpmdb.sqlite.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_database_of_rpm_is_read() {
    let bytes = database();
    let (mut packages, mut files) = (Vec::new(), Vec::new());
    each_header(&&bytes[..], &mut |header| {
        let header = parse_header(header.unwrap()).unwrap();
        packages.extend(package(&header, PATHS[0]));
        header.each_file(&mut |path| files.push(String::from_utf8(path.to_vec()).unwrap()));
    })
    .unwrap();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    let [one, two] = &packages[..] else { panic!("{packages:?}") };
    assert_eq!((&*one.name, &*one.version), ("hello-one", "1.2-3.el9"));
    assert_eq!((&*two.name, &*two.version), ("hello-two", "2:1.2-3.el9"));
    let source = one.source.as_ref().unwrap();
    assert_eq!((&*source.name, &*source.version), ("hello-one", "1.2-3.el9"));
    assert_eq!(one.architecture.as_deref(), Some("noarch"));
    assert_eq!(one.licence.as_deref(), Some("MIT"));
    // The directory itself is a file of rpm's.
    assert_eq!(files.len(), 3 + 1 + 400 + 1);
    let name = "a-long-name-of-a-file-so-that-the-header-needs-pages-400";
    assert!(files.contains(&format!("/opt/hello/two/{name}")), "{files:?}");
}

#[test]
fn what_is_torn_ends() {
    let bytes = database();
    for end in (0..bytes.len()).step_by(509) {
        let torn = bytes.get(..end).unwrap();
        assert!(each_header(&torn, &mut |_| {}).is_err() || end > 4096, "{end}");
    }
    assert_eq!(each_header(&&b"x"[..], &mut |_| {}), Err(SqliteError::Other));
}

proptest! {
    /// Whatever is flipped, reading ends, and nothing panics.
    #[test]
    fn flipped_bytes_are_an_error_or_packages(at in 0_usize..40_000, byte: u8, more in 0_usize..500) {
        let mut bytes = database();
        for place in [at, at + more, more] {
            if let Some(it) = bytes.get_mut(place) {
                *it = byte;
            }
        }
        let _done = each_header(&&bytes[..], &mut |header| {
            if let Some(header) = header.and_then(parse_header) {
                let _package = package(&header, "x");
                header.each_file(&mut |_| {});
            }
        });
    }

    #[test]
    fn any_bytes_are_a_header_or_none(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut whole = vec![0, 0, 0, 4, 0, 0, 0, 200];
        whole.extend(&bytes);
        for bytes in [&bytes, &whole] {
            if let Some(header) = parse_header(bytes) {
                let _package = package(&header, "x");
                header.each_file(&mut |_| {});
            }
        }
    }
}
