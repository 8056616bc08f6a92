//! `trigger ACT`: performs one act that the monitor ought to see, says what it did, and ends.

#![expect(clippy::print_stdout, reason = "the report on stdout is what this program is for")]

use std::process::ExitCode;

use clap::Parser;
use e2e::triggers::{Act, perform};

/// Performs one act and writes one line of JSON: what was done, by which process, with which errno.
///
/// A refused act is a report too: the exit code is 0. It is 1 when the act could not be set up.
#[derive(Parser)]
#[command(name = "trigger")]
struct Cli {
    #[command(subcommand)]
    act: Act,
}

fn main() -> ExitCode {
    match perform(&Cli::parse().act) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("trigger: {err}");
            ExitCode::FAILURE
        }
    }
}
