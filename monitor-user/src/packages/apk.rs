//! apk's database, `lib/apk/db/installed`: lines of a letter, a colon and a value. `P` begins with
//! a package's name, `F` is a directory, and each `R` behind it a file in that.

/// Each path with its package.
pub(super) fn each(text: &[u8], each: &mut dyn FnMut(&[u8], &str)) {
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
