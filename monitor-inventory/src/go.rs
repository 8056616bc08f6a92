//! What a Go program says of the modules that it was built of: the section `.go.buildinfo`. Go 1.18
//! and later write the texts there, older ones where they are in the program's memory. The standard
//! library is a package like others.

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
/// Where it says how large addresses are, in bytes.
const POINTER_SIZE: usize = 14;
/// Where flags are: those for the order of bytes in them, and for texts that follow the header.
const FLAGS: usize = 15;
const BIG_ENDIAN: u8 = 1;
const INLINE: u8 = 2;
/// Where addresses are, where no texts follow.
const ADDRESSES: usize = 16;
/// What marks the begin and the end of the second text.
const MARK_BYTES: usize = 16;

/// Name of the standard library's package.
pub const STANDARD_LIBRARY: &str = "stdlib";

/// The section of a program as Go 1.18 and later would have written it. `memory` gives bytes of the
/// program by their address and number. What is not of that form stays as it is.
pub(crate) fn inlined<'m>(
    section: &[u8],
    memory: &dyn Fn(u64, u64) -> Option<&'m [u8]>,
) -> Vec<u8> {
    pointed(section, memory).unwrap_or_else(|| section.to_vec())
}

/// The same of a section that has addresses of both texts, each of an address and a length.
fn pointed<'m>(section: &[u8], memory: &dyn Fn(u64, u64) -> Option<&'m [u8]>) -> Option<Vec<u8>> {
    let begin = memchr::memmem::find(section, MAGIC)?;
    let info = section.get(begin..)?;
    let (size, flags) = (usize::from(*info.get(POINTER_SIZE)?), *info.get(FLAGS)?);
    if flags & INLINE != 0 || !matches!(size, 4 | 8) {
        return None;
    }
    let number = |bytes: &[u8]| {
        let digit = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        match flags & BIG_ENDIAN != 0 {
            true => bytes.iter().fold(0, digit),
            false => bytes.iter().rev().fold(0, digit),
        }
    };
    let text = |at: usize| {
        let header = memory(number(info.get(at..at + size)?), 2 * size as u64)?;
        let (address, length) = header.split_at_checked(size)?;
        let length = number(length);
        if length > BUILD_INFO_BYTES { None } else { memory(number(address), length) }
    };
    let mut inline = info.get(..ADDRESSES)?.to_vec();
    *inline.get_mut(FLAGS)? |= INLINE;
    inline.resize(HEADER_BYTES, 0);
    // Without modules there is no second text.
    for text in [text(ADDRESSES)?, text(ADDRESSES + size).unwrap_or_default()] {
        let mut length = text.len();
        while length > 0x7f {
            inline.push(length.to_le_bytes().first()? | 0x80);
            length >>= 7;
        }
        inline.push(*length.to_le_bytes().first()?);
        inline.extend_from_slice(text);
    }
    Some(inline)
}

/// The packages that a program was built of: its main module first. False where the section is
/// there and cannot be read: it is torn.
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
        assert_eq!(all(&old), (Vec::new(), false), "addresses, as before Go 1.18");
    }

    /// A program's memory from 0x1000 on, and the section that leads into it.
    fn old(size: u8, is_big: bool, version: &str, modules: &str) -> (Vec<u8>, Vec<u8>) {
        let width = usize::from(size);
        let number = |number: usize| {
            let bytes = number.to_le_bytes();
            let mut bytes = bytes[..width].to_vec();
            if is_big {
                bytes.reverse();
            }
            bytes
        };
        let modules = format!("{0}{modules}{0}", "\u{1}".repeat(MARK_BYTES));
        let texts = 0x1000 + 4 * width;
        let mut memory = Vec::new();
        for (at, length) in [(texts, version.len()), (texts + version.len(), modules.len())] {
            memory.extend([number(at), number(length)].concat());
        }
        memory.extend([version.as_bytes(), modules.as_bytes()].concat());
        let mut section = MAGIC.to_vec();
        section.extend([size, u8::from(is_big)]);
        section.extend([number(0x1000), number(0x1000 + 2 * width)].concat());
        section.resize(HEADER_BYTES, 0);
        (section, memory)
    }

    #[test]
    fn texts_of_older_programs_are_found_in_their_memory() {
        let many: String =
            (0..40).map(|it| format!("dep\texample.org/{it}\tv1.0.{it}\n")).collect();
        for (size, is_big) in [(8, false), (8, true), (4, false), (4, true)] {
            let (section, memory) = old(size, is_big, "go1.13.4", &many);
            let at = |address: u64, length: u64| {
                let begin = usize::try_from(address.checked_sub(0x1000)?).ok()?;
                memory.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
            };
            let (found, done) = all(&inlined(&section, &at));
            assert!(done, "{size} {is_big}");
            assert_eq!(
                (found.len(), &*found[0], &*found[40]),
                (41, "stdlib@1.13.4", "example.org/39@v1.0.39")
            );
            // What leads nowhere stays as it was, and is told as not read.
            assert_eq!(inlined(&section, &|_, _| None), section);
            for end in 0..section.len() {
                inlined(&section[..end], &at);
            }
        }
    }
}
