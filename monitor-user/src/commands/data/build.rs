//! `runmon data build`: reads what databases publish, and writes a pack.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use flate2::bufread::MultiGzDecoder;
use monitor_vulns::{
    archive,
    build::{Builder, FULL},
    limits::{FEED_BYTES, RECORD_BYTES, VEX_BYTES},
    model::Kind,
    pack,
};

use super::{Usage, as_text, open, shown};
use crate::{
    cli::DataBuildArgs,
    commands::show,
    input,
    limits::{DATA_BAD_SHOWN, DATA_DEPTH, DATA_FILES},
    logging::say,
};

/// Records between two lines that say how far it is.
const PROGRESS: usize = 50_000;

/// What is being made.
struct Work {
    builder: Builder,
    /// Bad records so far.
    bad: u64,
    /// How many records there were when it was last said.
    said: usize,
}

/// Builds a pack.
pub(super) fn run(args: &DataBuildArgs) -> anyhow::Result<ExitCode> {
    let has_records =
        !args.osv.is_empty() || args.debian_tracker.is_some() || !args.secdb.is_empty();
    if !has_records {
        let hint = "name records: --osv FILE-OR-DIR, --debian-tracker FILE or --secdb FILE";
        return Err(Usage(format!("there is nothing to make a pack of\nhint: {hint}")).into());
    }
    let made_on = made_on(args)?;
    let mut work = Work { builder: Builder::default(), bad: 0, said: 0 };
    for path in &args.osv {
        work.begin(Kind::Osv, path)?;
        work.osv(path, 0, &mut 0)?;
    }
    if let Some(path) = &args.debian_tracker {
        work.begin(Kind::DebianTracker, path)?;
        let read = work.builder.tracker(feed(path)?);
        work.feed_read(path, read)?;
    }
    type Take = fn(&mut Builder, &[u8]) -> Result<(), String>;
    let whole: [(Kind, &[PathBuf], Take, u64); 3] = [
        (Kind::Secdb, &args.secdb, Builder::secdb, FEED_BYTES),
        (Kind::Kev, args.kev.as_slice(), Builder::kev, FEED_BYTES),
        (Kind::Vex, &args.vex, Builder::vex, VEX_BYTES),
    ];
    for (kind, paths, take, limit) in whole {
        for path in paths {
            work.begin(kind, path)?;
            let text = all_of(path, limit)?;
            let read = take(&mut work.builder, &text);
            work.feed_read(path, read)?;
        }
    }
    if let Some(path) = &args.epss {
        work.begin(Kind::Epss, path)?;
        let read = work.builder.epss(feed(path)?);
        work.feed_read(path, read)?;
    }
    work.tell_bad();
    if work.builder.records() == 0 {
        let hint = "are they what --osv, --debian-tracker and --secdb say, and not empty?";
        return Err(Usage(format!("no record could be used\nhint: {hint}")).into());
    }
    let bytes = pack::write(&work.builder.finish(made_on)).map_err(Usage)?;
    write(&args.output, &bytes)?;
    show(&as_text(&open(&args.output)?))?;
    Ok(ExitCode::SUCCESS)
}

/// When it is said to be made.
fn made_on(args: &DataBuildArgs) -> anyhow::Result<i64> {
    if let Some(told) = args.made_on {
        return Ok(told);
    }
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse()
            .map_err(|_error| Usage(format!("SOURCE_DATE_EPOCH: `{text}` is no number")).into()),
        Err(_) => Ok(jiff::Timestamp::now().as_second()),
    }
}

impl Work {
    fn begin(&mut self, kind: Kind, path: &Path) -> anyhow::Result<()> {
        let about = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
        // Data that do not say of when they are, are as old as their file.
        let changed = about.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
        let changed = changed.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        // Records of OSV's say when they were changed, and the last of them is the date.
        let date = if kind == Kind::Osv { String::new() } else { changed.unwrap_or_default() };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name: String = name.unwrap_or_default().chars().take(200).collect();
        self.builder.begin(kind, &name, &date);
        Ok(())
    }

    /// Takes a file, an archive, or all below a directory, in the order of their names.
    fn osv(&mut self, path: &Path, depth: usize, files: &mut usize) -> anyhow::Result<()> {
        let about = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
        if about.is_dir() {
            let mut below = Vec::new();
            for entry in fs::read_dir(path).map_err(|error| cannot_read(path, &error))? {
                let entry = entry.map_err(|error| cannot_read(path, &error))?;
                // Links may lead in circles, and out of what was named.
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_data = name.ends_with(".json") || name.ends_with(".zip");
                if !is_link && (is_data || entry.path().is_dir()) {
                    below.push(entry.path());
                }
                *files += 1;
                if *files > DATA_FILES || depth > DATA_DEPTH {
                    let what = format!("{}: too many files, or too deep", path.display());
                    return Err(Usage(what).into());
                }
            }
            below.sort();
            return below.iter().try_for_each(|path| self.osv(path, depth + 1, files));
        }
        let mut file = input::open(path).map_err(|error| cannot_read(path, &error))?;
        let mut magic = [0; 2];
        let is_archive = file.read_exact(&mut magic).is_ok() && magic == *b"PK";
        if is_archive {
            return self.archive(path, file);
        }
        match limited(path, RECORD_BYTES) {
            Ok(text) => self.record(&path.display().to_string(), Ok(&text)),
            Err(error) => self.record(&path.display().to_string(), Err(error.to_string())),
        }
    }

    fn archive(&mut self, path: &Path, file: File) -> anyhow::Result<()> {
        let mut done = Ok(());
        let read = archive::read(BufReader::new(file), RECORD_BYTES, |(name, content)| {
            let is_data = Path::new(name).extension().is_some_and(|it| it == "json");
            if is_data {
                done = self.record(&format!("{}: {name}", path.display()), content);
            }
            done.is_ok()
        });
        if let Err(error) = read {
            return Err(Usage(format!("{}: {error}", path.display())).into());
        }
        done
    }

    /// Takes one record; one that is bad is told, and no reason to stop.
    fn record(&mut self, name: &str, content: Result<&[u8], String>) -> anyhow::Result<()> {
        let taken = match content {
            Ok(text) => self.builder.osv(text),
            Err(why) => {
                self.builder.bad();
                Err(why)
            }
        };
        match taken {
            Err(why) if why == FULL => return Err(Usage(why).into()),
            Err(why) => {
                self.bad += 1;
                if self.bad <= DATA_BAD_SHOWN {
                    say(&format!("left out: {}: {}", shown(name), shown(&why)));
                }
            }
            Ok(()) => {}
        }
        if self.builder.records() >= self.said + PROGRESS {
            self.said = self.builder.records();
            say(&format!("{} records", self.said));
        }
        Ok(())
    }

    /// A feed is one file: if that cannot be read something else was meant.
    fn feed_read(&mut self, path: &Path, read: Result<(), String>) -> anyhow::Result<()> {
        read.map_err(|why| Usage(format!("{}: {}", path.display(), shown(&why))))?;
        Ok(())
    }

    fn tell_bad(&self) {
        if let Some(more) = self.bad.checked_sub(DATA_BAD_SHOWN + 1) {
            say(&format!("left out: {} more", more + 1));
        }
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> anyhow::Error {
    let cure = input::cure(error);
    Usage(format!("cannot read {}: {error}\nhint: {cure}", path.display())).into()
}

/// A file, unpacked if it is packed by gzip, up to a bound.
fn feed(path: &Path) -> anyhow::Result<impl BufRead + use<>> {
    let file = input::open(path).map_err(|error| cannot_read(path, &error))?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| cannot_read(path, &error))?;
    let is_packed = start.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn Read> = match is_packed {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    Ok(BufReader::new(input.take(FEED_BYTES)))
}

/// All of a file, unpacked.
fn all_of(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = feed(path)?.take(limit + 1).read_to_end(&mut text);
    read.map_err(|error| cannot_read(path, &error))?;
    if text.len() as u64 > limit {
        let what = format!("{} is larger than {limit} bytes", path.display());
        return Err(Usage(what).into());
    }
    Ok(text)
}

/// All of a file that has no more than `limit` bytes.
fn limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let text = input::read(path, limit + 1)?;
    match text.len() as u64 > limit {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large")),
        false => Ok(text),
    }
}

/// Writes the pack beside where it goes, and then puts it there: who has the old one open keeps it.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = (|| {
        let mut file = BufWriter::new(File::create_new(&new)?);
        file.write_all(bytes)?;
        file.into_inner()?.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        // What was begun is of no use to anybody.
        drop(fs::remove_file(&new));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
