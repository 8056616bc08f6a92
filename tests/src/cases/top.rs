//! `runmon top` on a terminal: `script` gives it one.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options, runmon};
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::with(&["script"], "top::by_itself", by_itself),
    Case::with(&["script"], "top::of_a_daemon_until_it_ends", of_a_daemon),
    Case::with(&["script"], "top::a_signal_leaves_the_terminal_as_it_was", signalled),
    Case::with(&["script"], "top::ends_with_its_terminal", hung_up),
    Case::new("top::needs_a_terminal", |stage| {
        stage.runmon(["top"]).assert(1, &["needs a terminal", "runmon tail"]);
    }),
];

/// What a terminal is told to show another screen, and to go back.
const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";

/// A running `runmon top`.
struct Top {
    child: Child,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Top {
    fn start(args: &str) -> Self {
        Self::start_after("", args)
    }

    /// The shell does something else before.
    fn start_after(before: &str, args: &str) -> Self {
        let command = format!("{before}stty rows 24 cols 80; {} top {args}", runmon().display());
        let mut script = Command::new("script");
        script.args(["-qefc", &command, "/dev/null"]).env("TERM", "xterm");
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().expect("start script");
        let mut output = child.stdout.take().expect("it is piped");
        let (send, shown) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut part) {
                if send.send(part[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut top = Self { child, shown, text: String::new() };
        top.expect(ENTERED);
        top
    }

    /// Waits until it has shown this. Only what changes is drawn: what is waited for is to be where
    /// nothing was before, or something quite different.
    fn expect(&mut self, word: &str) {
        crate::wait::until(&format!("the screen shows {word:?}"), || {
            while let Ok(part) = self.shown.recv_timeout(Duration::from_millis(50)) {
                self.text.push_str(&String::from_utf8_lossy(&part));
            }
            self.text.contains(word).then_some(())
        });
    }

    fn press(&mut self, keys: &str) {
        self.text.clear();
        let keyboard = self.child.stdin.as_mut().expect("it is piped");
        keyboard.write_all(keys.as_bytes()).expect("press keys");
        keyboard.flush().expect("press keys");
    }

    /// The terminal is as it was.
    fn expect_end(mut self) {
        self.expect(LEFT);
        assert!(self.child.wait().expect("wait for script").success(), "{}", self.text);
    }

    /// The program in the terminal.
    fn pid(&self) -> Pid {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(children).expect("the children of script");
        let shell = children.split_whitespace().next().expect("a child").to_owned();
        let below = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let pid = below.ok().and_then(|it| it.split_whitespace().next().map(str::to_owned));
        Pid::from_raw(pid.unwrap_or(shell).parse().expect("a pid"))
    }
}

fn by_itself(stage: &Stage<'_>) {
    let mut top = Top::start("--own");
    top.expect("own hooks");
    let name = stage.name("topped");
    let write = "while true; do echo x > /tmp/written; sleep 0.1; done";
    let container = stage.containerd().run(&name, &["/bin/busybox", "sh", "-c", write]);
    // Only that one, and into it, once it is there.
    top.press(&format!("/{name}\r"));
    crate::wait::until("the container can be looked into", || {
        top.press("\r");
        std::thread::sleep(Duration::from_millis(500));
        while let Ok(part) = top.shown.try_recv() {
            top.text.push_str(&String::from_utf8_lossy(&part));
        }
        top.text.contains("Processes").then_some(())
    });
    top.press("3");
    top.expect("written");
    drop(container);
    top.press("q");
    top.expect_end();
}

/// Nobody can press a key any more: it does not go on, and surely not as fast as it can.
fn hung_up(_: &Stage<'_>) {
    for signal in ["", "trap '' HUP; "] {
        let mut top = Top::start_after(signal, "--own");
        top.expect("own hooks");
        let pid = top.pid();
        top.child.kill().expect("end the terminal");
        top.child.wait().expect("wait for the terminal");
        crate::wait::until("it ends with its terminal", || kill(pid, None).is_err().then_some(()));
    }
}

fn of_a_daemon(stage: &Stage<'_>) {
    let condition = "evt.type = execve and proc.name = busybox";
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, condition);
    let run_dir = Some(stage.dir("shared"));
    let options = Options { rules: Some(rules), run_dir, ..Options::default() };
    let config = stage.configuration(&options);
    let daemon = stage.daemon(options);
    let mut top = Top::start(&format!("-c {}", config.display()));
    top.expect("daemon default");
    let status = Command::new("/bin/busybox").arg("true").status();
    assert!(status.expect("start busybox").success());
    top.expect("1 alerts");
    daemon.stop();
    top.expect("the daemon ended");
    top.press("q");
    top.expect_end();
}

fn signalled(_: &Stage<'_>) {
    let mut top = Top::start("--own");
    top.expect("own hooks");
    let pid = top.pid();
    kill(pid, Signal::SIGTERM).expect("end runmon top");
    top.expect_end();
}
