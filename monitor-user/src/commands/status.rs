//! `runmon status`: how the running daemon is.

use std::{process::ExitCode, thread, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{ask_daemon, show};
use crate::{
    bpf::cost,
    cli::StatusArgs,
    control::{Reply, Request},
};

mod page;

/// How long the cost of hooks is measured.
const MEASURED: Duration = Duration::from_secs(1);

/// Asks the daemon, and says what it answers.
pub fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let status = if args.cost { measured(args)? } else { ask(args)? };
    show(&if args.json { format!("{status:#}\n") } else { page::of(&status) })?;
    Ok(if at(&status, "/ready") == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ask(args: &StatusArgs) -> anyhow::Result<Value> {
    match ask_daemon(args.config.as_deref(), args.instance.as_deref(), &Request::Status)? {
        Reply::Status(status) => Ok(status),
        Reply::Rule(_) | Reply::Rules(_) | Reply::Watching(_) => {
            bail!("the daemon answered something else: is it of another version?")
        }
    }
}

/// With what hooks cost in the meantime: the kernel measures it only while somebody asks for that.
fn measured(args: &StatusArgs) -> anyhow::Result<Value> {
    let statistics = cost::measure()
        .context("the kernel does not measure what hooks cost (it needs root and Linux 5.8)")?;
    let before = ask(args)?;
    thread::sleep(MEASURED);
    let mut status = ask(args)?;
    drop(statistics);
    subtract(&mut status, &before);
    Ok(status)
}

/// Leaves what came after `before`: programs are the same, and in the same order, unless rules were
/// read again meanwhile.
fn subtract(status: &mut Value, before: &Value) {
    let mut earlier = programs(before);
    let hooks = status.pointer_mut("/hooks").and_then(Value::as_array_mut);
    let now = hooks.into_iter().flatten();
    let now = now.filter_map(|hook| hook.get_mut("programs")?.as_array_mut()).flatten();
    for program in now {
        let same = earlier.iter().position(|it| at(it, "/attach") == at(program, "/attach"));
        let Some(same) = same.map(|place| earlier.remove(place)) else { continue };
        for counter in ["runs", "run_ns"] {
            let before = same.get(counter).and_then(Value::as_u64).unwrap_or_default();
            if let Some(count) = program.get_mut(counter) {
                *count = count.as_u64().unwrap_or_default().saturating_sub(before).into();
            }
        }
    }
}

fn programs(status: &Value) -> Vec<&Value> {
    let hooks = at(status, "/hooks").as_array().into_iter().flatten();
    hooks.filter_map(|hook| at(hook, "/programs").as_array()).flatten().collect()
}

/// A member of a member of it; null where there is none.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_measured_cost_is_that_of_the_second() {
        let of = |runs: u64, nanoseconds: u64| {
            json!({ "hooks": [{ "programs": [
                { "attach": "a", "runs": runs, "run_ns": nanoseconds },
                { "attach": "b", "runs": 1, "run_ns": 7 },
            ] }] })
        };
        let mut status = of(12, 1_200);
        subtract(&mut status, &of(2, 200));
        let program = &status["hooks"][0]["programs"][0];
        assert_eq!((&program["runs"], &program["run_ns"]), (&json!(10), &json!(1_000)));
        assert_eq!(status["hooks"][0]["programs"][1]["runs"], 0);
    }
}
