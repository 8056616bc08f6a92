//! `runmon tail --pid`: when the process that is watched has ended nothing is left to wait for.

use std::{fs::File, io, os::unix::fs::FileExt as _, time::Duration};

use anyhow::Context as _;

use crate::{live::Bell, logging::say};

/// How often somebody looks whether it is still there.
const LOOK: Duration = Duration::from_millis(200);

/// How long after its end the last that is told of it may come: alerts wait for facts.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes of `/proc/PID/stat` at most: numbers, and a name of 64 bytes.
const STAT_BYTES: usize = 2048;

/// Rings the bell to stop when a process has ended. Whoever has its id later is someone else: the
/// file that is held open is of this process alone.
pub(super) fn stop_with(pid: u32, bell: &Bell) -> anyhow::Result<()> {
    let stat = File::open(format!("/proc/{pid}/stat"));
    let bell = bell.clone();
    let watch = move || {
        while let Ok(stat) = &stat
            && is_there(stat)
        {
            if bell.is_stopped() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        std::thread::sleep(LINGER);
        if !bell.is_stopped() {
            say(&format!("process {pid} has ended"));
            bell.stop();
        }
    };
    std::thread::Builder::new().name("target".into()).spawn(watch).context("no thread")?;
    Ok(())
}

/// Whether the process has a thread that has not ended.
fn is_there(stat: &File) -> bool {
    let mut bytes = [0; STAT_BYTES];
    let count = match stat.read_at(&mut bytes, 0) {
        Ok(count) => count,
        Err(error) => return error.kind() == io::ErrorKind::Interrupted,
    };
    let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default());
    let Some((_, fields)) = text.rsplit_once(") ") else { return false };
    let mut fields = fields.split(' ');
    // State is the third of all, the number of threads the twentieth (proc(5)).
    let (state, threads) = (fields.next(), fields.nth(16).and_then(|it| it.parse::<u32>().ok()));
    state != Some("Z") || threads.is_some_and(|count| count > 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_there_until_it_has_ended_whether_it_was_waited_for_or_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let stat = File::open(format!("/proc/{}/stat", child.id())).unwrap();
        assert!(is_there(&stat));
        child.kill().unwrap();
        while is_there(&stat) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(child.wait().unwrap().code().is_none());
        assert!(!is_there(&stat));
    }
}
