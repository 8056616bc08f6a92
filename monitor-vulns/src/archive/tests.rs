use std::io::{Cursor, Write as _};

use flate2::{Compression, Crc, write::DeflateEncoder};
use proptest::prelude::*;

use super::*;

/// An archive, as tools write it that know the sizes only afterwards: the first head has none.
fn archive(files: &[(&str, &[u8])], comment: &[u8]) -> Vec<u8> {
    let (mut all, mut list) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
        packer.write_all(content).unwrap();
        let packed = packer.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(content);
        let at = all.len() as u32;
        let name_length = name.len() as u16;
        all.extend(LOCAL.to_le_bytes());
        all.extend([20, 0, 8, 0, 8, 0, 0, 0, 0, 0]);
        all.extend([0; 12]);
        all.extend(name_length.to_le_bytes());
        all.extend([0; 2]);
        all.extend(name.as_bytes());
        all.extend(&packed);
        list.extend(CENTRAL.to_le_bytes());
        list.extend([20, 0, 20, 0, 8, 0, 8, 0, 0, 0, 0, 0]);
        list.extend(crc.sum().to_le_bytes());
        list.extend((packed.len() as u32).to_le_bytes());
        list.extend((content.len() as u32).to_le_bytes());
        list.extend(name_length.to_le_bytes());
        list.extend([0; 12]);
        list.extend(at.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let (start, count) = (all.len() as u32, files.len() as u16);
    all.extend(&list);
    all.extend(END.to_le_bytes());
    all.extend([0; 4]);
    all.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    all.extend((list.len() as u32).to_le_bytes());
    all.extend(start.to_le_bytes());
    all.extend((comment.len() as u16).to_le_bytes());
    all.extend(comment);
    all
}

/// The files with their content, or why there is none.
type Files = Vec<(String, Result<Vec<u8>, String>)>;

fn files(bytes: &[u8], limit: u64) -> Result<Files, ArchiveError> {
    let mut all = Vec::new();
    read(Cursor::new(bytes), limit, |(name, content)| {
        all.push((name.to_owned(), content.map(<[u8]>::to_vec)));
        true
    })?;
    Ok(all)
}

#[test]
fn each_file_is_unpacked() {
    let bytes = archive(&[("a.json", b"one"), ("d/", b""), ("b.json", &[7; 9000])], b"a comment");
    let read = files(&bytes, 9000).unwrap();
    assert_eq!(
        read,
        [("a.json".into(), Ok(b"one".to_vec())), ("b.json".into(), Ok(vec![7; 9000]))]
    );
}

#[test]
fn a_file_that_is_too_large_or_torn_is_told_and_the_others_are_read() {
    let mut bytes = archive(&[("a", &[7; 9000]), ("b", b"two")], b"");
    assert!(files(&bytes, 100).unwrap()[0].1.as_ref().unwrap_err().contains("too large"));
    // One that says that it is small, and is not.
    let size = bytes.windows(4).rposition(|four| four == 9000u32.to_le_bytes()).unwrap();
    bytes[size..size + 4].copy_from_slice(&50u32.to_le_bytes());
    let read = files(&bytes, 100).unwrap();
    assert!(read[0].1.as_ref().unwrap_err().contains("too large"));
    assert_eq!(read[1].1.as_deref(), Ok(b"two".as_slice()));
    assert!(files(b"PK", 100).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_an_archive_or_none(
        flips in prop::collection::vec((0usize..400, any::<u8>()), 0..6), cut in 0usize..40
    ) {
        let mut bytes = archive(&[("a.json", b"one"), ("b.json", b"two")], b"");
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        if let Ok(all) = files(&bytes, 1000) {
            for (_, content) in all {
                prop_assert!(content.map_or(0, |content| content.len()) <= 1000);
            }
        }
    }
}
