//! apk's database, `lib/apk/db/installed`: lines of a letter, a colon and a value, and an empty
//! line behind each package. `F` is a directory, and each `R` behind it a file in that.

use crate::{
    package::{Kind, Package, Source},
    text,
};

/// Where it is; newer releases have the second one.
pub const PATHS: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// The packages, and how many are none that can be read.
pub fn parse(bytes: &[u8], path: &str, mut each: impl FnMut(Package)) -> usize {
    let mut broken = 0;
    let mut fields: [Option<&[u8]>; 5] = [None; 5];
    let mut is_any = false;
    for line in text::lines(bytes).chain([&b""[..]]) {
        let place = match line {
            [b'P', b':', ..] => 0,
            [b'V', b':', ..] => 1,
            [b'A', b':', ..] => 2,
            [b'L', b':', ..] => 3,
            [b'o', b':', ..] => 4,
            [] => {
                let [name, version, architecture, licence, origin] = std::mem::take(&mut fields);
                let text = |field: Option<&[u8]>| field.and_then(text::kept);
                match (text(name), text(version)) {
                    (Some(name), Some(version)) => {
                        let of = text(origin).unwrap_or_else(|| name.clone());
                        each(Package {
                            source: Some(Source { name: of, version: version.clone() }),
                            architecture: text(architecture),
                            licence: text(licence),
                            ..Package::new(Kind::Apk, name, version, path)
                        });
                    }
                    _ if is_any => broken += 1,
                    _ => {}
                }
                is_any = false;
                continue;
            }
            _ => {
                is_any = true;
                continue;
            }
        };
        is_any = true;
        if let Some(field) = fields.get_mut(place) {
            *field = line.get(2..);
        }
    }
    broken
}

/// Each path with its package.
pub fn each_file(text: &[u8], mut each: impl FnMut(&[u8], &str)) {
    let (mut package, mut directory) = ("", &b""[..]);
    for line in text.split(|byte| *byte == b'\n') {
        match line {
            [b'P', b':', name @ ..] => {
                package = std::str::from_utf8(name).unwrap_or_default();
                directory = b"";
            }
            [b'F', b':', path @ ..] => directory = path,
            [b'R', b':', name @ ..] if directory.is_empty() => {
                each(&[b"/", name].concat(), package);
            }
            [b'R', b':', name @ ..] => each(&[b"/", directory, b"/", name].concat(), package),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_their_origin() {
        let text = "C:Q1\nP:libcrypto3\nV:3.1.4-r1\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\n\
                    R:libcrypto.so.3\nZ:Q1\n\nP:musl\nV:1.2.4-r2\n\nV:only\n\nP:\x1b\nV:1\n";
        let mut packages = Vec::new();
        let broken = parse(text.as_bytes(), PATHS[0], |package| packages.push(package));
        assert_eq!(broken, 2);
        let [crypto, musl] = &packages[..] else { panic!("{packages:?}") };
        assert_eq!(&*crypto.source.as_ref().unwrap().name, "openssl");
        assert_eq!(crypto.licence.as_deref(), Some("Apache-2.0"));
        assert_eq!(crypto.architecture.as_deref(), Some("x86_64"));
        assert_eq!(&*musl.source.as_ref().unwrap().name, "musl");
        let mut files = Vec::new();
        each_file(text.as_bytes(), |path, package| {
            files.push((String::from_utf8_lossy(path).into_owned(), package.to_owned()));
        });
        assert_eq!(files, [("/lib/libcrypto.so.3".to_owned(), "libcrypto3".to_owned())]);
    }
}
