//! `runmon verify-stream`: whether what a sink sent is all there.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
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
    stream::{Checker, LineError, Stream},
};

/// Gaps that are shown of each stream.
const SHOWN: usize = 20;

/// Lines without a document that are shown.
const BAD_SHOWN: usize = 5;

/// What was read.
#[derive(Debug, Default)]
struct Lines {
    checker: Checker,
    /// Lines in which there is no document.
    bad: u64,
    /// The first of them, with what is wrong.
    bad_shown: Vec<(u64, String)>,
    /// The last line, if it is not all there yet.
    unfinished: Option<u64>,
}

/// Reads the file, and says what is missing.
pub fn run(args: &VerifyStreamArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let input: Box<dyn BufRead> = match args.file == Path::new("-") {
        true => Box::new(BufReader::new(io::stdin())),
        false => Box::new(BufReader::new(
            File::open(&args.file).with_context(|| format!("cannot open {name}"))?,
        )),
    };
    let at = |(line, why): &(u64, String)| Usage(format!("{name}:{line}: {why}"));
    let lines = read(input).map_err(|wrong| at(&wrong))?;
    if lines.checker.streams.is_empty() {
        if let Some(wrong) = lines.bad_shown.first() {
            return Err(at(wrong).into());
        }
        let why = "there is no numbered document in it: is it what a sink wrote, and not as text?";
        return Err(Usage(format!("{name}: {why}")).into());
    }
    let is_whole = |stream: &Stream| stream.gaps(args.from_start).is_empty();
    let is_all_there = lines.bad == 0 && lines.checker.streams.values().all(is_whole);
    if args.json {
        show(&format!("{:#}\n", as_json(&lines, args.from_start)))?;
    } else {
        show(&(as_text(&lines.checker, args.from_start) + &lines.as_text()))?;
    }
    Ok(if is_all_there { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(mut input: impl BufRead) -> Result<Lines, (u64, String)> {
    let mut lines = Lines::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let wrong = |error: io::Error| (number, error.to_string());
        let mut bounded = (&mut input).take(STREAM_LINE_BYTES);
        if bounded.read_until(b'\n', &mut line).map_err(wrong)? == 0 {
            break;
        }
        if line.len() as u64 == STREAM_LINE_BYTES && !line.ends_with(b"\n") {
            lines.put(number, format!("the line has more than {STREAM_LINE_BYTES} bytes"));
            input.skip_until(b'\n').map_err(wrong)?;
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        // A file that is being written ends anywhere: what may be half a number is not taken.
        if !line.ends_with(b"\n") && !is_json(&line) {
            lines.unfinished = Some(number);
            break;
        }
        match lines.checker.take(&line) {
            Ok(()) => {}
            Err(error @ LineError::NoDocument(_)) => lines.put(number, error.to_string()),
            Err(error @ (LineError::Streams | LineError::Gaps)) => {
                return Err((number, error.to_string()));
            }
        }
    }
    Ok(lines)
}

/// Whether a line is a whole document, with what a receiver puts before it or not.
fn is_json(line: &[u8]) -> bool {
    let start = memchr::memchr(b'{', line).and_then(|at| line.get(at..)).unwrap_or(line);
    serde_json::from_slice::<Value>(start).is_ok()
}

impl Lines {
    /// There is no document in this one.
    fn put(&mut self, number: u64, why: String) {
        self.bad += 1;
        if self.bad_shown.len() < BAD_SHOWN {
            self.bad_shown.push((number, why));
        }
    }

    fn as_text(&self) -> String {
        let mut text = String::new();
        if self.bad > 0 {
            let lines = count(usize::try_from(self.bad).unwrap_or(usize::MAX), "line");
            text.push_str(&format!("{lines} without a document\n"));
        }
        for (number, why) in &self.bad_shown {
            text.push_str(&format!("  line {number}: {why}\n"));
        }
        let more = self.bad - self.bad_shown.len() as u64;
        if more > 0 {
            text.push_str(&format!("  and {more} more\n"));
        }
        if let Some(number) = self.unfinished {
            text.push_str(&format!("line {number}, the last one, is not all there yet\n"));
        }
        text
    }
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

fn as_json(lines: &Lines, from_start: bool) -> Value {
    let checker = &lines.checker;
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
    let bad = lines.bad_shown.iter().map(|(line, why)| json!({ "line": line, "why": why }));
    json!({
        "streams": streams, "heartbeats": checker.heartbeats, "kernel_lost": checker.lost(),
        "unnumbered": checker.unnumbered, "bad_lines": lines.bad,
        "first_bad_lines": bad.collect::<Vec<_>>(), "unfinished_line": lines.unfinished,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> String {
        let delivery = json!({ "sink": "s", "stream": "r", "number": number });
        json!({ "host": { "name": "h" }, "runmon": { "delivery": delivery } }).to_string()
    }

    #[test]
    fn bad_lines_are_told_and_the_others_are_looked_at() {
        let text = format!("{}\n{}\nx\n{{\n\n{}\n", line(1), line(2), line(4));
        let lines = read(text.as_bytes()).unwrap();
        assert_eq!((lines.bad, lines.unfinished), (2, None));
        let numbers: Vec<u64> = lines.bad_shown.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [3, 4]);
        let stream = lines.checker.streams.values().next().unwrap();
        assert_eq!(stream.gaps(true), [(3, 3)]);
        assert!(lines.as_text().starts_with("2 lines without a document\n  line 3: this is no"));
        let many = read(&b"x\n".repeat(9)[..]).unwrap();
        assert_eq!((many.bad, many.bad_shown.len()), (9, BAD_SHOWN));
        assert!(many.as_text().ends_with("  and 4 more\n"));
    }

    #[test]
    fn a_last_line_may_be_half() {
        let (one, two) = (line(1), line(2));
        for half in ["x", "{\"a\"", "CEF:0|runmon|runmon|0|a|b|1|cn1=1", &two[..two.len() - 1]] {
            let lines = read(format!("{one}\n{half}").as_bytes()).unwrap();
            assert_eq!((lines.bad, lines.unfinished), (0, Some(2)), "{half}");
            assert_eq!(lines.checker.streams.len(), 1);
            assert_eq!(lines.as_text(), "line 2, the last one, is not all there yet\n");
        }
        // Its end alone may be missing.
        let lines = read(format!("{one}\n{two}").as_bytes()).unwrap();
        assert_eq!(lines.unfinished, None);
        assert_eq!(lines.checker.streams.values().next().unwrap().documents(), 2);
    }

    #[test]
    fn too_long_a_line_is_one_bad_line() {
        let long = "x".repeat(usize::try_from(STREAM_LINE_BYTES).unwrap() + 9);
        let lines = read(format!("{}\n{long}\n{}\n", line(1), line(2)).as_bytes()).unwrap();
        assert_eq!((lines.bad, lines.bad_shown[0].0), (1, 2));
        assert_eq!(lines.checker.streams.values().next().unwrap().documents(), 2);
    }
}
