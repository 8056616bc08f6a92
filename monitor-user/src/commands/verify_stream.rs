//! `runmon verify-stream`: whether what a sink sent is all there.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Usage, show};
use crate::{
    cli::VerifyStreamArgs,
    limits::STREAM_LINE_BYTES,
    logging::count,
    stream::{Checker, Stream},
};

/// Gaps that are shown of each stream.
const SHOWN: usize = 20;

/// Reads the file, and says what is missing.
pub fn run(args: &VerifyStreamArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let input: Box<dyn BufRead> = match args.file == Path::new("-") {
        true => Box::new(BufReader::new(io::stdin())),
        false => Box::new(BufReader::new(
            File::open(&args.file).with_context(|| format!("cannot open {name}"))?,
        )),
    };
    let checker = read(input).map_err(|(line, why)| Usage(format!("{name}:{line}: {why}")))?;
    if checker.streams.is_empty() {
        let why = "there is no numbered document in it: is it what a sink wrote, and not as text?";
        return Err(Usage(format!("{name}: {why}")).into());
    }
    let is_whole = |stream: &Stream| stream.gaps(args.from_start).is_empty();
    let is_all_there = checker.streams.values().all(is_whole);
    if args.json {
        show(&format!("{:#}\n", as_json(&checker, args.from_start)))?;
    } else {
        show(&as_text(&checker, args.from_start))?;
    }
    Ok(if is_all_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(mut input: Box<dyn BufRead>) -> Result<Checker, (u64, String)> {
    let mut checker = Checker::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let mut bounded = io::Read::take(&mut *input, STREAM_LINE_BYTES);
        let read = bounded.read_until(b'\n', &mut line);
        if read.map_err(|error| (number, error.to_string()))? == 0 {
            break;
        }
        if line.len() as u64 == STREAM_LINE_BYTES {
            return Err((number, format!("the line has more than {STREAM_LINE_BYTES} bytes")));
        }
        if !line.trim_ascii().is_empty() {
            checker.take(&line).map_err(|error| (number, error.to_string()))?;
        }
    }
    Ok(checker)
}

fn as_text(checker: &Checker, from_start: bool) -> String {
    let mut text = String::new();
    for ((host, sink, name), stream) in &checker.streams {
        let gaps = stream.gaps(from_start);
        let missing: u64 = gaps.iter().map(|(first, last)| last - first + 1).sum();
        let (first, last) = stream.range().unwrap_or_default();
        let state = match missing {
            0 => "nothing is missing".to_owned(),
            missing => format!("{} missing", documents(missing)),
        };
        text.push_str(&format!("{host} {sink} {name}: {first}..{last}: {state}"));
        for (sum, what) in [(stream.duplicates, "repeated"), (stream.late, "out of order")] {
            if sum > 0 {
                text.push_str(&format!(", {sum} {what}"));
            }
        }
        text.push('\n');
        for (first, last) in gaps.iter().take(SHOWN) {
            let gap = if first == last { first.to_string() } else { format!("{first}..{last}") };
            text.push_str(&format!("  missing: {gap}\n"));
        }
        if let Some(more) = gaps.len().checked_sub(SHOWN + 1) {
            text.push_str(&format!("  and {} more\n", count(more + 1, "gap")));
        }
    }
    let beats = count(usize::try_from(checker.heartbeats).unwrap_or(usize::MAX), "heartbeat");
    let lost = checker.lost();
    text.push_str(&format!("{beats}; the kernel lost {lost} records, by what they tell\n"));
    if checker.unnumbered > 0 {
        text.push_str(&format!("{} without a number\n", documents(checker.unnumbered)));
    }
    text
}

fn documents(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "document")
}

fn as_json(checker: &Checker, from_start: bool) -> Value {
    let streams: Vec<Value> = checker
        .streams
        .iter()
        .map(|((host, sink, name), stream)| {
            let (first, last) = stream.range().unwrap_or_default();
            json!({
                "host": host, "sink": sink, "stream": name, "first": first, "last": last,
                "documents": stream.documents(), "gaps": stream.gaps(from_start),
                "duplicates": stream.duplicates, "out_of_order": stream.late,
            })
        })
        .collect();
    json!({
        "streams": streams, "heartbeats": checker.heartbeats, "kernel_lost": checker.lost(),
        "unnumbered": checker.unnumbered,
    })
}
