//! Roots for inventories: the keeper opens one for each connection, and hands out names, and bytes
//! of what an inventory reads.

use std::{
    ffi::OsString,
    io,
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
};

use monitor_inventory::root::{Entry, FileKind, Listing, Root, RootError, Stat};
use serde_bytes::ByteBuf;

use super::{
    Kept,
    answers::out_of_place,
    kept::reason_of,
    wire::{self, Answer, Request},
};
use crate::{
    event::Reason,
    packages::{self, Opened, Reading, RootTold, Roots},
};

/// Bytes of files in one answer.
const ANSWER_BYTES: usize = 16 << 20;
/// Files, and directories, in one request.
const AT_ONCE: usize = 256;
/// Bytes that are read of each of several files; what has more is asked for alone.
const SMALL_BYTES: usize = 32 << 10;

const ERRORS: [RootError; 7] = [
    RootError::NotFound,
    RootError::OtherKind,
    RootError::TooLarge,
    RootError::NotPermitted,
    RootError::UsedUp,
    RootError::NoAnswer,
    RootError::Broken,
];
const KINDS: [FileKind; 4] = [FileKind::File, FileKind::Directory, FileKind::Link, FileKind::Other];
const READINGS: [Reading; 3] = [Reading::Host, Reading::Layers, Reading::AsSeen];

/// The number of something in a table, and what has a number there.
fn number<T: PartialEq>(table: &[T], it: &T) -> u8 {
    table.iter().position(|other| other == it).and_then(|at| at.try_into().ok()).unwrap_or(u8::MAX)
}

fn named<T: Copy>(table: &[T], number: u8, otherwise: T) -> T {
    table.get(usize::from(number)).copied().unwrap_or(otherwise)
}

fn told<T>(it: Result<T, RootError>) -> Result<T, u8> {
    it.map_err(|error| number(&ERRORS, &error))
}

fn error(number: u8) -> RootError {
    named(&ERRORS, number, RootError::Broken)
}

/// Opens a root in place of the one before.
pub(super) fn open(root: &mut Option<Opened>, pid: Option<u32>) -> Answer {
    *root = None;
    Answer::Root(match packages::open(pid) {
        Ok(opened) => {
            let RootTold { reading, fingerprint, is_changed } = opened.told;
            *root = Some(opened);
            Ok((number(&READINGS, &reading), fingerprint, is_changed))
        }
        Err(reason) => Err(reason.name().to_owned()),
    })
}

/// Answers what is asked about the root.
pub(super) fn answer(root: &Opened, request: Request) -> Answer {
    match request {
        Request::RootList(paths) if paths.len() <= AT_ONCE => Answer::Listings(
            paths.iter().map(|it| told(root.list(path(it)).map(listing))).collect(),
        ),
        Request::RootRead(paths, offset, length) if paths.len() <= AT_ONCE => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let length = length.min(ANSWER_BYTES / paths.len().max(1));
            let read = |it: &ByteBuf| told(root.read_at(path(it), offset, length));
            Answer::Pieces(paths.iter().map(|it| read(it).map(ByteBuf::from)).collect())
        }
        Request::RootPieces(asked, length) if asked.len() <= AT_ONCE => {
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(SMALL_BYTES);
            let read =
                |(it, offset): &(ByteBuf, u64)| told(root.read_at(path(it), *offset, length));
            Answer::Pieces(asked.iter().map(|it| read(it).map(ByteBuf::from)).collect())
        }
        Request::RootStat(it) => {
            Answer::RootStat(told(root.stat(path(&it)).map(|stat| form(&stat))))
        }
        _ => out_of_place(),
    }
}

fn path(bytes: &ByteBuf) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn form(stat: &Stat) -> (u8, u64, u32) {
    (number(&KINDS, &stat.kind), stat.size, stat.mode)
}

fn stat((kind, size, mode): (u8, u64, u32)) -> Stat {
    Stat { kind: named(&KINDS, kind, FileKind::Other), size, mode }
}

fn listing(listing: Listing) -> (Vec<wire::Entry>, bool) {
    let entry = |it: Entry| {
        let (kind, size, mode) = form(&it.stat);
        (ByteBuf::from(it.name.into_vec()), kind, size, mode)
    };
    (listing.entries.into_iter().map(entry).collect(), listing.is_cut)
}

fn entry((name, kind, size, mode): wire::Entry) -> Entry {
    Entry { name: OsString::from_vec(name.into_vec()), stat: stat((kind, size, mode)) }
}

fn sent(path: &Path) -> ByteBuf {
    ByteBuf::from(path.as_os_str().as_bytes().to_vec())
}

fn all_sent(paths: &[PathBuf]) -> Vec<ByteBuf> {
    paths.iter().map(|path| sent(path)).collect()
}

impl Roots for Kept {
    fn open(&mut self, pid: Option<u32>) -> Result<RootTold, Reason> {
        match self.ask(&Request::Root(pid)) {
            Ok((Answer::Root(Ok((reading, fingerprint, is_changed))), _)) => {
                let reading = named(&READINGS, reading, Reading::AsSeen);
                Ok(RootTold { reading, fingerprint, is_changed })
            }
            Ok((Answer::Root(Err(reason)), _)) => Err(reason_of(&reason)),
            _ => Err(Reason::NoAnswer),
        }
    }

    fn root(&self) -> &dyn Root {
        self
    }
}

/// The pieces of an answer about so many files.
fn pieces_of(
    answer: io::Result<(Answer, Vec<OwnedFd>)>,
    count: usize,
) -> Vec<Result<Vec<u8>, RootError>> {
    match answer {
        Ok((Answer::Pieces(pieces), _)) if pieces.len() == count => {
            pieces.into_iter().map(|it| it.map(ByteBuf::into_vec).map_err(error)).collect()
        }
        _ => std::iter::repeat_with(|| Err(RootError::NoAnswer)).take(count).collect(),
    }
}

impl Kept {
    /// The first pieces of several files: an answer for each.
    fn first_pieces(&self, paths: &[PathBuf], length: usize) -> Vec<Result<Vec<u8>, RootError>> {
        let answer = self.ask(&Request::RootRead(all_sent(paths), 0, length as u64));
        pieces_of(answer, paths.len())
    }
}

impl Root for Kept {
    fn stat(&self, path: &Path) -> Result<Stat, RootError> {
        match self.ask(&Request::RootStat(sent(path))) {
            Ok((Answer::RootStat(told), _)) => told.map(stat).map_err(error),
            _ => Err(RootError::NoAnswer),
        }
    }

    fn list(&self, directory: &Path) -> Result<Listing, RootError> {
        let mut listed = self.list_each(&[directory.to_owned()]);
        listed.pop().unwrap_or(Err(RootError::NoAnswer))
    }

    fn list_each(&self, directories: &[PathBuf]) -> Vec<Result<Listing, RootError>> {
        let one = |(entries, is_cut): (Vec<wire::Entry>, bool)| Listing {
            entries: entries.into_iter().map(entry).collect(),
            is_cut,
        };
        let mut listed = Vec::with_capacity(directories.len());
        for some in directories.chunks(AT_ONCE) {
            match self.ask(&Request::RootList(all_sent(some))) {
                Ok((Answer::Listings(all), _)) if all.len() == some.len() => {
                    listed.extend(all.into_iter().map(|it| it.map(one).map_err(error)));
                }
                _ => listed.extend(some.iter().map(|_| Err(RootError::NoAnswer))),
            }
        }
        listed
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let at = offset.saturating_add(bytes.len() as u64);
            let left = (length - bytes.len()).min(ANSWER_BYTES);
            let request = Request::RootRead(vec![sent(path)], at, left as u64);
            let Ok((Answer::Pieces(mut pieces), _)) = self.ask(&request) else {
                return Err(RootError::NoAnswer);
            };
            let piece = pieces.pop().unwrap_or(Err(u8::MAX)).map_err(error)?;
            bytes.extend_from_slice(&piece);
            if piece.len() < left {
                break;
            }
        }
        Ok(bytes)
    }

    fn read_each(&self, paths: &[PathBuf], limit: u64) -> Vec<Result<Vec<u8>, RootError>> {
        let mut read = Vec::with_capacity(paths.len());
        for some in paths.chunks(AT_ONCE) {
            for (path, piece) in some.iter().zip(self.first_pieces(some, SMALL_BYTES)) {
                read.push(match piece {
                    Ok(piece) if piece.len() == SMALL_BYTES => self.read(path, limit),
                    Ok(piece) if piece.len() as u64 > limit => Err(RootError::TooLarge),
                    piece => piece,
                });
            }
        }
        read
    }

    fn pieces(&self, asked: &[(PathBuf, u64)], length: usize) -> Vec<Result<Vec<u8>, RootError>> {
        let length = length.min(SMALL_BYTES);
        let some = |asked: &[(PathBuf, u64)]| {
            let wanted = asked.iter().map(|(path, offset)| (sent(path), *offset)).collect();
            let answer = self.ask(&Request::RootPieces(wanted, length as u64));
            pieces_of(answer, asked.len())
        };
        asked.chunks(AT_ONCE).flat_map(some).collect()
    }

    fn heads(&self, paths: &[PathBuf], length: usize) -> Vec<Result<Vec<u8>, RootError>> {
        let length = length.min(SMALL_BYTES);
        paths.chunks(AT_ONCE).flat_map(|some| self.first_pieces(some, length)).collect()
    }
}
