//! The terminal: keys in, pictures out.

use std::{
    io,
    os::fd::AsFd as _,
    sync::mpsc::{Receiver, TryRecvError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde_json::Value;

use super::feed::Line;
use crate::{
    live::Bell,
    top::{
        board::Board,
        draw::{Status, draw},
        seen::{Raised, Seen},
        view::{Flow, View},
    },
};

/// How often it is drawn anew where nobody presses a key.
const EVERY: Duration = Duration::from_millis(250);

/// How long a key is waited for before lines are looked at.
const KEYS: Duration = Duration::from_millis(40);

/// Lines that are taken before keys are looked at.
const AT_ONCE: usize = 2_000;

/// What is shown, and how.
pub(super) struct Screen {
    lines: Receiver<Line>,
    bell: Bell,
    limit: Option<Duration>,
    board: Board,
    view: View,
    status: Status,
    /// What was lost in the kernel before.
    lost_before: Option<u64>,
    lost_in_kernel: u64,
    late: u64,
}

impl Screen {
    pub(super) fn new(
        lines: Receiver<Line>,
        source: String,
        bell: Bell,
        limit: Option<Duration>,
    ) -> Self {
        Self {
            lines,
            bell,
            limit,
            board: Board::default(),
            view: View::default(),
            status: Status { source, ..Status::default() },
            lost_before: None,
            lost_in_kernel: 0,
            late: 0,
        }
    }

    /// Shows it until whoever sits there has seen enough. The terminal is as it was then, also
    /// after a panic of any thread.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut terminal = ratatui::try_init()?;
        let shown = self.show(&mut terminal);
        let restored = ratatui::try_restore();
        self.bell.stop();
        shown.and(restored)
    }

    fn show(&mut self, terminal: &mut ratatui::DefaultTerminal) -> io::Result<()> {
        let begun = Instant::now();
        let mut drawn: Option<Instant> = None;
        while !self.bell.is_stopped() && self.limit.is_none_or(|limit| begun.elapsed() < limit) {
            self.take();
            if drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY) {
                self.status.now_s = now_s();
                self.board.tidy(self.status.now_s);
                terminal.draw(|frame| draw(frame, &self.board, &self.view, &self.status))?;
                drawn = Some(Instant::now());
            }
            if is_hung_up(KEYS) {
                return Ok(());
            }
            if !event::poll(Duration::ZERO)? {
                continue;
            }
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                    if is_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
                        return Ok(());
                    }
                    if is_control && key.code == KeyCode::Char('l') {
                        // Whatever others wrote over it goes.
                        terminal.clear()?;
                    } else if self.view.key(key.code, &self.board, now_s()) == Flow::Quit {
                        return Ok(());
                    }
                    drawn = None;
                }
                Event::Resize(..) => drawn = None,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes in what has come.
    fn take(&mut self) {
        for _ in 0..AT_ONCE {
            match self.lines.try_recv() {
                Ok(Line::Document(line)) => self.document(&line),
                Ok(Line::State(state)) => self.state(&state),
                Ok(Line::Late(count)) => {
                    self.late = self.late.max(count);
                    self.board.lost = self.lost_in_kernel + self.late;
                }
                Ok(Line::Over(why)) => self.status.over = Some(why),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn document(&mut self, line: &[u8]) {
        if let Some(seen) = Seen::parse(line) {
            self.board.note(seen);
        } else if let Some(raised) = Raised::parse(line) {
            self.board.raise(raised);
        } else if let Ok(value) = serde_json::from_slice::<Value>(line)
            && let Some(state) = value.get("runmon")
        {
            self.state(state);
        }
    }

    /// What was lost since this began. Of single containers it is since the daemon did.
    fn state(&mut self, state: &Value) {
        let Some(lost) = state.get("lost").and_then(Value::as_u64) else { return };
        let before = *self.lost_before.get_or_insert(lost);
        self.lost_in_kernel = lost.saturating_sub(before);
        let total = |dropped: &Value| -> u64 {
            let counts = dropped.as_object().into_iter().flat_map(|counts| counts.values());
            counts.filter_map(Value::as_u64).sum()
        };
        let losses = state.get("losses").and_then(Value::as_array).into_iter().flatten();
        let losses = losses.filter_map(|loss| {
            let id = loss.get("container")?.as_str()?.chars().take(12).collect();
            Some((id, total(loss.get("dropped")?)))
        });
        let losses: Vec<(String, u64)> = losses.collect();
        self.board.set_losses(self.lost_in_kernel + self.late, &losses);
    }
}

/// Waits for keys, and tells whether there is no terminal any more to press them at. Who reads keys
/// would read nothing for ever.
fn is_hung_up(limit: Duration) -> bool {
    let input = io::stdin();
    let mut waited = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    // What interrupted it is looked at by the loop.
    let _woken = poll(&mut waited, limit);
    waited.iter().filter_map(PollFd::revents).any(|told| told.intersects(gone))
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
