//! Standard output: one line a document.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd as _,
};

use super::{Intake, lines::Lines};

/// Writes until there are no more documents. Whatever reads the output may go away: then
/// documents are dropped, and counted, and the monitor goes on.
pub fn run(intake: Intake) {
    run_until(intake, || {
        tracing::error!("standard output is closed: what goes there is dropped now");
    });
}

/// The same, for who ends when the reader has seen enough: that is no failure then.
pub fn run_for_reader(intake: Intake) {
    run_until(intake, || {});
}

fn run_until(intake: Intake, closed: impl FnOnce()) {
    // Not through the library's buffer: what failed would stay in it and come out later.
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(output) => run_on(intake, File::from(output), closed),
        Err(error) => {
            tracing::error!(%error, "standard output cannot be used");
            drop_all(intake);
        }
    }
}

/// Only a reader that is gone is gone for good. What fails otherwise may go well the next time.
pub(super) fn run_on(mut intake: Intake, output: impl Write, closed: impl FnOnce()) {
    let mut output = Lines::new(output);
    let mut failing = false;
    while let Some(lines) = intake.receive_one() {
        let written = output.write(&lines);
        intake.done(written.is_ok());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                closed();
                return drop_all(intake);
            }
            Err(error) if !failing => {
                tracing::error!(%error, "cannot write to standard output");
                failing = true;
            }
            Ok(()) if failing => {
                tracing::warn!("standard output can be written again");
                failing = false;
            }
            _ => {}
        }
    }
}

fn drop_all(mut intake: Intake) {
    while intake.receive_one().is_some() {
        intake.done(false);
    }
}
