//! What a Go program says of the modules that it was built of: the section `.go.buildinfo`, as Go
//! 1.18 and later write it. The standard library is a package like others.

use crate::{
    limits::BUILD_INFO_BYTES,
    package::{Kind, Package},
    text,
};

/// The section.
pub(crate) const SECTION: &[u8] = b".go.buildinfo";

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Bytes before the texts.
const HEADER_BYTES: usize = 32;
/// Where flags are, and the one for texts that follow the header.
const FLAGS: usize = 15;
const INLINE: u8 = 2;
/// What marks the begin and the end of the second text.
const MARK_BYTES: usize = 16;

/// Name of the standard library's package.
pub const STANDARD_LIBRARY: &str = "stdlib";

/// The packages that a program was built of: its main module first. False where the section is
/// there and cannot be read: it is older than Go 1.18, or torn.
pub fn parse(section: &[u8], path: &str, mut each: impl FnMut(Package)) -> bool {
    let Some((version, modules)) = texts(section) else { return false };
    if let Some(version) = text::clean(version) {
        // With experiments it is `go1.20.1 X:boringcrypto`.
        let version = version.split(' ').next().unwrap_or_default();
        let version = version.strip_prefix("go").unwrap_or(version);
        each(Package::new(Kind::Go, STANDARD_LIBRARY.into(), version.into(), path));
    }
    let told = flagged_version(modules);
    let mut last: Option<Package> = None;
    for line in text::lines(modules) {
        let mut words = line.split(|byte| *byte == b'\t');
        let (kind, name, version) = (words.next(), words.next(), words.next());
        let module = || {
            let name = text::kept(name?)?;
            // One that was built from a checkout has no version of its own.
            let version = version.and_then(text::clean).filter(|it| *it != "(devel)");
            Some(Package::new(Kind::Go, name, version.unwrap_or_default().into(), path))
        };
        match kind {
            Some(b"mod") => {
                let mut main = module();
                if let Some(main) = &mut main
                    && main.version.is_empty()
                {
                    main.version = told.unwrap_or_default().into();
                }
                last.take().into_iter().for_each(&mut each);
                last = main;
            }
            Some(b"dep") => {
                last.take().into_iter().for_each(&mut each);
                last = module();
            }
            // It was built with this one in place of the one before.
            Some(b"=>") => {
                if let Some(other) = module() {
                    last = Some(other);
                }
            }
            _ => {}
        }
    }
    last.into_iter().for_each(&mut each);
    true
}

/// The version of Go, and the lines about modules.
fn texts(section: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = memchr::memmem::find(section, MAGIC)?;
    let info = section.get(begin..)?;
    if info.get(FLAGS)? & INLINE == 0 || info.len() as u64 > BUILD_INFO_BYTES {
        return None;
    }
    let (version, rest) = counted(info.get(HEADER_BYTES..)?)?;
    let modules = counted(rest).map(|(modules, _)| modules).unwrap_or_default();
    let inner = modules.len().checked_sub(MARK_BYTES).filter(|end| *end >= MARK_BYTES);
    Some((version, inner.and_then(|end| modules.get(MARK_BYTES..end)).unwrap_or_default()))
}

/// A text with its length before it, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes.get(at + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// The version that the flags of the linker put into a variable: `-X main.version=1.2.3`.
fn flagged_version(modules: &[u8]) -> Option<&str> {
    let flags = text::lines(modules).find_map(|line| line.strip_prefix(b"build\t-ldflags="))?;
    let flags = std::str::from_utf8(flags).ok()?;
    flags.split([' ', '"', '\'']).find_map(|word| {
        let (variable, value) = word.split_once('=')?;
        let name = variable.rsplit(['.', '/']).next()?;
        let is_number = value.trim_start_matches('v').starts_with(|it: char| it.is_ascii_digit());
        let is_version = name.eq_ignore_ascii_case("version") && is_number && value.contains('.');
        text::clean(value.as_bytes()).filter(|_| is_version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(version: &str, modules: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, INLINE]);
        bytes.resize(HEADER_BYTES, 0);
        let modules = format!("{0}{modules}{0}", "\u{1}".repeat(MARK_BYTES));
        for text in [version, &modules] {
            let length = text.len();
            bytes.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    fn all(section: &[u8]) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let done = parse(section, "/bin/x", |it| found.push(format!("{}@{}", it.name, it.version)));
        (found, done)
    }

    #[test]
    fn modules_are_those_that_were_built_in() {
        let lines = [
            "path\tgithub.com/a/b/cmd/x",
            "mod\tgithub.com/a/b\t(devel)\t",
            "dep\tgolang.org/x/net\tv0.1.0\th1:a=",
            "dep\told.example/x\tv1.0.0",
            "=>\tnew.example/x\tv1.0.1\th1:b=",
            "dep\tlocal.example/y\tv1.0.0",
            "=>\t./y\t(devel)\t",
            "build\t-ldflags=\"-s -X main.gitCommit=1.2 -X github.com/a/b/v.Version=v1.7.2\"",
            "",
        ];
        let text = &lines.join("\n");
        let (found, done) = all(&section("go1.22.1 X:nocoverageredesign", text));
        assert!(done);
        assert_eq!(
            found,
            [
                "stdlib@1.22.1",
                "github.com/a/b@v1.7.2",
                "golang.org/x/net@v0.1.0",
                "new.example/x@v1.0.1",
                "./y@",
            ]
        );
    }

    #[test]
    fn what_is_torn_is_told() {
        let whole = section("go1.18", "mod\ta\tv1\n");
        for end in 0..whole.len() {
            let (found, done) = all(whole.get(..end).unwrap());
            assert!(!done || found.len() <= 2);
        }
        assert!(!all(b"").1);
        let mut old = whole;
        *old.get_mut(FLAGS).unwrap() = 0;
        assert_eq!(all(&old), (Vec::new(), false), "pointers, as before Go 1.18");
    }
}
