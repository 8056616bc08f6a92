//! Blocks of a recording: entries that are compressed together, and by themselves.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MARK`], by which the next block is found behind one that is damaged |
//! | 8 | how many entries are before the block |
//! | 4 | bytes of its entries |
//! | 4 | bytes that they are compressed to |
//! | 4 | CRC-32 of those |
//! | 4 | CRC-32 of all the above |
//! | … | the entries, as a stream of DEFLATE |
//!
//! Numbers are big-endian. What a block says of its sizes is bounded before memory is taken.

use std::io::{self, Read};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::ENTRY_BYTES;

/// What a block starts with: bytes that no text holds, and a line end that transfers would change.
pub(super) const MARK: [u8; 8] = *b"\xf5RMblk\r\n";

/// Bytes in front of the compressed entries.
pub(super) const HEAD: usize = 32;

/// A block is closed once its entries are that long: larger ones are hardly smaller in the file
/// (4 % of what four times as large ones take), and hold the ring's reader up for longer.
pub(super) const ENOUGH: usize = 1 << 16;

/// Longest entries of a block: one more than enough, with its tag and length.
pub(super) const RAW_MAX: usize = ENOUGH + ENTRY_BYTES as usize + 8;

/// What cannot be compressed grows by 5 bytes for some KiB of it.
const PACKED_MAX: usize = RAW_MAX + RAW_MAX / 256 + 64;

/// Of entries that hosts really make, level 1 leaves a quarter more and 6 hardly less; 1 takes half
/// the time and 6 three times as long.
const LEVEL: u32 = 3;

/// Makes blocks.
pub(super) struct Packer {
    state: Compress,
    block: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Self {
        Self { state: Compress::new(Compression::new(LEVEL), false), block: Vec::new() }
    }

    /// The block of some entries.
    pub(super) fn pack(&mut self, before: u64, entries: &[u8]) -> io::Result<&[u8]> {
        self.state.reset();
        self.block.clear();
        self.block.reserve(HEAD + PACKED_MAX);
        self.block.resize(HEAD, 0);
        let status = self.state.compress_vec(entries, &mut self.block, FlushCompress::Finish)?;
        if status != Status::StreamEnd {
            return Err(io::Error::other("entries are longer than a block can be"));
        }
        let (head, packed) = self.block.split_at_mut(HEAD);
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut made = Vec::with_capacity(HEAD);
        made.extend_from_slice(&MARK);
        made.extend_from_slice(&before.to_be_bytes());
        made.extend_from_slice(&length(entries));
        made.extend_from_slice(&length(packed));
        made.extend_from_slice(&crc32fast::hash(packed).to_be_bytes());
        made.extend_from_slice(&crc32fast::hash(&made).to_be_bytes());
        head.copy_from_slice(&made);
        Ok(&self.block)
    }
}

/// What a block says of itself.
#[derive(Clone, Copy)]
struct Head {
    before: u64,
    raw: usize,
    packed: usize,
    checksum: u32,
}

impl Head {
    /// None: no block starts with this.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (said, sum) = bytes.get(..HEAD)?.split_at_checked(HEAD - 4)?;
        let (mark, rest) = said.split_first_chunk::<8>()?;
        if *mark != MARK || !is_sum_of(u32::from_be_bytes(*sum.first_chunk()?), said) {
            return None;
        }
        let (before, rest) = rest.split_first_chunk::<8>()?;
        let (raw, rest) = rest.split_first_chunk::<4>()?;
        let (packed, rest) = rest.split_first_chunk::<4>()?;
        let head = Self {
            before: u64::from_be_bytes(*before),
            raw: u32::from_be_bytes(*raw) as usize,
            packed: u32::from_be_bytes(*packed) as usize,
            checksum: u32::from_be_bytes(*rest.first_chunk::<4>()?),
        };
        (head.raw <= RAW_MAX && head.packed <= PACKED_MAX).then_some(head)
    }
}

/// No fuzzer guesses a checksum: with it, it would not get to what lies behind.
fn is_sum_of(sum: u32, bytes: &[u8]) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == sum
}

/// What is next in a recording.
pub(super) enum Next {
    /// A block whose entries were read.
    Block {
        /// Where it starts.
        at: u64,
        /// How many entries are before it.
        before: u64,
    },
    /// The end.
    End,
    /// The end, in the middle of a block.
    Cut,
}

/// Why there is no block.
pub(super) enum NoBlock {
    /// A read failed.
    Io(io::Error),
    /// It is damaged; what comes behind it can be read.
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Reads blocks.
pub(super) struct Blocks<R> {
    input: R,
    state: Decompress,
    /// Bytes that were read.
    held: Vec<u8>,
    /// Where in them the next block starts.
    from: usize,
    /// Where in the file that is.
    at: u64,
    /// The block there is damaged: the next one is to be looked for.
    is_lost: bool,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(input: R, at: u64) -> Self {
        let state = Decompress::new(false);
        Self { input, state, held: Vec::new(), from: 0, at, is_lost: false }
    }

    /// Where the next block is looked for.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads the next block's entries.
    pub(super) fn next(&mut self, entries: &mut Vec<u8>) -> Result<Next, NoBlock> {
        entries.clear();
        if self.is_lost {
            self.pass(1);
            self.find().map_err(NoBlock::Io)?;
            self.is_lost = false;
        }
        match self.fill(HEAD).map_err(NoBlock::Io)? {
            0 => return Ok(Next::End),
            have if have < HEAD => {
                self.pass(have);
                return Ok(Next::Cut);
            }
            _ => {}
        }
        let Some(head) = Head::read(self.rest()) else {
            return Err(self.damaged("no block starts here"));
        };
        let whole = HEAD + head.packed;
        let have = self.fill(whole).map_err(NoBlock::Io)?;
        if have < whole {
            if self.is_followed() {
                return Err(self.damaged("the block is shorter than it says"));
            }
            self.pass(have);
            return Ok(Next::Cut);
        }
        let packed = self.held.get(self.from + HEAD..self.from + whole).unwrap_or_default();
        if !is_sum_of(head.checksum, packed) {
            return Err(self.damaged("the block's checksum is another"));
        }
        self.state.reset(false);
        entries.reserve_exact(head.raw);
        let status = self.state.decompress_vec(packed, entries, FlushDecompress::Finish);
        let is_whole = self.state.total_in() == head.packed as u64 && entries.len() == head.raw;
        if !matches!(status, Ok(Status::StreamEnd)) || !is_whole {
            entries.clear();
            return Err(self.damaged("the block does not hold what it says"));
        }
        let at = self.at;
        self.pass(whole);
        Ok(Next::Block { at, before: head.before })
    }

    fn damaged(&mut self, what: &'static str) -> NoBlock {
        self.is_lost = true;
        NoBlock::Damaged { at: self.at, what }
    }

    /// Goes on to the next block, or to the end.
    fn find(&mut self) -> io::Result<()> {
        loop {
            let have = self.fill(ENOUGH)?;
            match memchr::memmem::find(self.rest(), &MARK) {
                Some(before) => {
                    self.pass(before);
                    if self.fill(HEAD)? < HEAD || Head::read(self.rest()).is_some() {
                        return Ok(());
                    }
                    self.pass(1);
                }
                None if have < ENOUGH => {
                    self.pass(have);
                    return Ok(());
                }
                // The start of a mark may be at the end.
                None => self.pass(have - (MARK.len() - 1)),
            }
        }
    }

    /// Whether another block starts within what was read of this one.
    fn is_followed(&self) -> bool {
        let rest = self.rest();
        let marks = memchr::memmem::find_iter(rest, &MARK).skip(1);
        marks.filter_map(|at| rest.get(at..)).any(|bytes| Head::read(bytes).is_some())
    }

    /// Reads until there are so many bytes; says how many there are.
    fn fill(&mut self, want: usize) -> io::Result<usize> {
        let have = self.rest().len();
        if have >= want {
            return Ok(have);
        }
        self.held.drain(..self.from.min(self.held.len()));
        self.from = 0;
        let missing = want.max(ENOUGH) - have;
        self.input.by_ref().take(missing as u64).read_to_end(&mut self.held)?;
        Ok(self.held.len())
    }

    fn rest(&self) -> &[u8] {
        self.held.get(self.from..).unwrap_or_default()
    }

    fn pass(&mut self, bytes: usize) {
        let bytes = bytes.min(self.rest().len());
        self.from += bytes;
        self.at += bytes as u64;
    }
}
