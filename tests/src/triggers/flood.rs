//! Noise, and one act hidden in it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Report;

/// A flood that nobody ends, ends then.
const LONGEST: Duration = Duration::from_secs(120);

/// Files that are made before anyone looks whether to stop, and before the act.
const ROUND: u32 = 2000;

/// Makes and removes files; after each round, in the midst of the noise, opens `attack` for
/// writing, which makes it the first time. There are two rounds at least.
pub fn flood(dir: &Path, attack: &Path, stop: &Path) -> io::Result<Report> {
    let started = Instant::now();
    let mut made = 0_u64;
    let mut attacks = 0_u64;
    while (attacks < 2 || !stop.exists()) && started.elapsed() < LONGEST {
        for _ in 0..ROUND {
            let path = dir.join(format!("f{made}"));
            drop(File::create(&path)?);
            fs::remove_file(&path)?;
            made += 1;
        }
        drop(File::options().create(true).append(true).open(attack)?);
        attacks += 1;
    }
    Ok(Report::new("flood").path(attack).number("made", made).number("attacks", attacks))
}
