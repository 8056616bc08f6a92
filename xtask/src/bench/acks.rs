//! A receiver of Fluent Forward that counts entries and acknowledges them, and looks at none.

use std::io::{BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail, ensure};

/// The receiver; it listens until the benchmark ends.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Receiver {
    /// Listens on a free port.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Err(error) = serve(&stream, &counted) {
                    eprintln!("the receiver: {error:#}");
                }
            }
        });
        Ok(Self { address, counts })
    }

    /// Entries that it acknowledged.
    pub(crate) fn received(&self) -> u64 {
        self.counts.entries.load(Ordering::Relaxed)
    }

    /// Bytes of these.
    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

/// Takes chunks until the sender goes.
fn serve(stream: &TcpStream, counts: &Counts) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::with_capacity(1 << 18, stream);
    let mut scratch = Vec::new();
    loop {
        let mut first = [0];
        if from.read(&mut first)? == 0 {
            return Ok(());
        }
        ensure!(first == [0x93], "a message is an array of three");
        text(&mut from).context("the tag")?;
        let length = rmp::decode::read_bin_len(&mut from)?;
        scratch.resize(usize::try_from(length)?, 0);
        from.read_exact(&mut scratch)?;
        let (mut size, mut chunk) = (None, None);
        for _ in 0..rmp::decode::read_map_len(&mut from)? {
            match text(&mut from)?.as_str() {
                "size" => size = Some(rmp::decode::read_int::<u64, _>(&mut from)?),
                "chunk" => chunk = Some(text(&mut from)?),
                other => bail!("an unknown option: {other}"),
            }
        }
        let (size, chunk) = (size.context("no size")?, chunk.context("no chunk")?);
        let mut ack = Vec::new();
        rmp::encode::write_map_len(&mut ack, 1)?;
        rmp::encode::write_str(&mut ack, "ack")?;
        rmp::encode::write_str(&mut ack, &chunk)?;
        let mut to = stream;
        to.write_all(&ack)?;
        counts.entries.fetch_add(size, Ordering::Relaxed);
        counts.bytes.fetch_add(u64::from(length), Ordering::Relaxed);
    }
}

fn text(from: &mut impl Read) -> Result<String> {
    let length = rmp::decode::read_str_len(from)?;
    let mut bytes = vec![0; usize::try_from(length)?];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8(bytes)?)
}
