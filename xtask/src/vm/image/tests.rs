use super::*;

#[test]
fn an_archive_member_is_padded_to_four() {
    let mut out = Vec::new();
    entry(&mut out, 1, "init", 0o100_755, b"hello").expect("a vector takes everything");
    // 110 bytes of header and "init\0" make 115; "hello" makes 5.
    assert_eq!(out.len(), 116 + 8);
    assert!(out.starts_with(b"07070100000001000081ed"));
    assert!(out.ends_with(b"hello\0\0\0"));
}

#[test]
fn directories_come_before_what_is_in_them() {
    let mut image = Image { nodes: BTreeMap::new() };
    image.add_text("/a/b/c", 0o644, "");
    let paths: Vec<_> = image.nodes.keys().map(|path| path.to_string_lossy()).collect();
    assert_eq!(paths, ["/a", "/a/b", "/a/b/c"]);
}

#[test]
fn words_reach_the_guest_as_they_are() {
    assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
}
