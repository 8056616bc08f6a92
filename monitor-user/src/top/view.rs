//! What whoever sits at the terminal looks at, and what keys do to that.

use ratatui::crossterm::event::KeyCode;

use super::board::{Board, Place, Process, Touched};

/// Rows that the keys for a page move by.
const PAGE: usize = 10;

/// By what containers are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// How much happens.
    #[default]
    Activity,
    /// Starts of programs.
    Execs,
    /// Contacts.
    Connects,
    /// Opens for writing.
    Writes,
    /// Alerts.
    Alerts,
    /// Records that were lost.
    Lost,
    /// Name.
    Name,
}

impl Sort {
    const ALL: [Self; 7] = [
        Self::Activity,
        Self::Execs,
        Self::Connects,
        Self::Writes,
        Self::Alerts,
        Self::Lost,
        Self::Name,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Execs => "execs",
            Self::Connects => "connects",
            Self::Writes => "writes",
            Self::Alerts => "alerts",
            Self::Lost => "lost",
            Self::Name => "name",
        }
    }
}

/// What is shown of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Its processes.
    #[default]
    Processes,
    /// Whom it contacted, and who contacted it.
    Contacts,
    /// What it wrote to.
    Files,
    /// Its alerts.
    Alerts,
}

impl Tab {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Processes, Self::Contacts, Self::Files, Self::Alerts];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "Processes",
            Self::Contacts => "Connections",
            Self::Files => "Files written",
            Self::Alerts => "Alerts",
        }
    }
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By what containers are sorted.
    pub sort: Sort,
    /// The other way round.
    pub reversed: bool,
    /// Only rows that hold this text.
    pub filter: String,
    /// The filter is being written.
    pub is_editing: bool,
    /// The keys are explained.
    pub shows_help: bool,
    /// The container that is looked at; None: all are.
    pub opened: Option<String>,
    /// What is shown of it.
    pub tab: Tab,
    /// The container that is marked. By its id, so that the mark stays with it.
    pub marked: Option<String>,
    /// The row that is marked of the container that is looked at.
    pub row: usize,
    /// What was there when it was halted.
    pub halted: Option<Box<Board>>,
}

/// Whether it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    On,
    /// Whoever sits there has seen enough.
    Quit,
}

impl View {
    /// What is shown: what there is, or what was there when it was halted.
    #[must_use]
    pub fn board<'a>(&'a self, board: &'a Board) -> &'a Board {
        self.halted.as_deref().unwrap_or(board)
    }

    /// A key was pressed; `now_s` is seconds since 1970.
    pub fn key(&mut self, key: KeyCode, board: &Board, now_s: i64) -> Flow {
        if self.is_editing {
            self.edit(key);
            return Flow::On;
        }
        if self.shows_help {
            // Any key leads back.
            self.shows_help = false;
            return Flow::On;
        }
        match key {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left | KeyCode::Char('h') => self.back(),
            KeyCode::Char('?') | KeyCode::F(1) => self.shows_help = true,
            KeyCode::Char('/') => self.is_editing = true,
            KeyCode::Char('p' | ' ') => {
                self.halted = match self.halted.take() {
                    Some(_) => None,
                    None => Some(Box::new(board.clone())),
                };
            }
            KeyCode::Char('s') => self.sort = next(&Sort::ALL, self.sort),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Tab | KeyCode::Right if self.opened.is_some() => {
                self.tab = next(&Tab::ALL, self.tab);
                self.row = 0;
            }
            KeyCode::BackTab if self.opened.is_some() => {
                // Round to the one before.
                (1..Tab::ALL.len()).for_each(|_| self.tab = next(&Tab::ALL, self.tab));
                self.row = 0;
            }
            KeyCode::Char(digit @ '1'..='4') if self.opened.is_some() => {
                let at = digit.to_digit(10).map_or(0, |digit| digit as usize - 1);
                self.tab = Tab::ALL.get(at).copied().unwrap_or_default();
                self.row = 0;
            }
            KeyCode::Enter | KeyCode::Right => self.open(board, now_s),
            other => self.travel(other, board, now_s),
        }
        Flow::On
    }

    /// Text was pasted or typed at once.
    fn edit(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.is_editing = false,
            KeyCode::Esc => {
                self.is_editing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if !c.is_control() && self.filter.len() < 64 => self.filter.push(c),
            _ => {}
        }
        self.row = 0;
    }

    fn back(&mut self) {
        if self.opened.take().is_none() {
            self.filter.clear();
        }
        self.row = 0;
    }

    fn open(&mut self, board: &Board, now_s: i64) {
        if self.opened.is_none() {
            let places = self.places(self.board(board), now_s);
            let at = self.marked_at(&places);
            self.opened = places.get(at).map(|place| place.about.id.clone());
            self.marked.clone_from(&self.opened);
            (self.tab, self.row) = (Tab::default(), 0);
            self.filter.clear();
        }
    }

    /// The mark moves.
    fn travel(&mut self, key: KeyCode, board: &Board, now_s: i64) {
        let moved = |at: usize, rows: usize| {
            let last = rows.saturating_sub(1);
            match key {
                KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
                KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
                KeyCode::PageUp => at.saturating_sub(PAGE),
                KeyCode::PageDown => (at + PAGE).min(last),
                KeyCode::Home | KeyCode::Char('g') => 0,
                KeyCode::End | KeyCode::Char('G') => last,
                _ => at,
            }
        };
        let shown = self.board(board);
        match self.opened.as_ref() {
            Some(id) => {
                let rows = shown.places.get(id).map_or(0, |place| self.rows(place));
                self.row = moved(self.row, rows);
            }
            None => {
                let places = self.places(shown, now_s);
                let at = moved(self.marked_at(&places), places.len());
                self.marked = places.get(at).map(|place| place.about.id.clone());
            }
        }
    }

    /// The containers that are shown, in order.
    #[must_use]
    pub fn places<'a>(&self, board: &'a Board, now_s: i64) -> Vec<&'a Place> {
        let is_shown = |place: &&Place| {
            let about = &place.about;
            let texts = [Some(&about.id), about.name.as_ref(), about.image.as_ref()];
            let mut texts = texts.into_iter().chain([about.pod.as_ref()]).flatten();
            self.filter.is_empty() || texts.any(|text| self.holds(text))
        };
        let mut places: Vec<&Place> = board.places.values().filter(is_shown).collect();
        let weight = |place: &Place| -> f64 {
            let rate = |rate: &super::board::Rate| rate.a_second(now_s);
            match self.sort {
                Sort::Activity => rate(&place.execs) + rate(&place.connects) + rate(&place.writes),
                Sort::Execs => rate(&place.execs),
                Sort::Connects => rate(&place.connects),
                Sort::Writes => rate(&place.writes),
                Sort::Alerts => place.alert_count as f64,
                Sort::Lost => place.lost as f64,
                Sort::Name => 0.0,
            }
        };
        // They are in order of their ids: names decide where weights are alike.
        places.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.name().cmp(b.name())));
        if self.reversed {
            places.reverse();
        }
        places
    }

    /// Which of them is marked; the first, where the marked one is gone.
    #[must_use]
    pub fn marked_at(&self, places: &[&Place]) -> usize {
        let is_marked = |place: &&Place| Some(&place.about.id) == self.marked.as_ref();
        places.iter().position(is_marked).unwrap_or(0)
    }

    /// The processes of a container that are shown.
    #[must_use]
    pub fn processes<'a>(&self, place: &'a Place) -> Vec<(usize, &'a Process)> {
        let mut tree = place.tree();
        tree.retain(|(_, process)| self.holds(&process.who.name) || self.holds(&process.command));
        tree
    }

    /// The files or hosts of a container that are shown, the latest first.
    #[must_use]
    pub fn touched<'a>(&self, place: &'a Place) -> Vec<(&'a str, &'a Touched)> {
        let all = if self.tab == Tab::Files { &place.files } else { &place.contacts };
        let mut shown: Vec<_> = all
            .iter()
            .map(|(name, it)| (&**name, it))
            .filter(|(name, _)| self.holds(name))
            .collect();
        shown.sort_by_key(|(_, touched)| std::cmp::Reverse((touched.last_s, touched.count)));
        shown
    }

    fn holds(&self, text: &str) -> bool {
        self.filter.is_empty() || text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    fn rows(&self, place: &Place) -> usize {
        match self.tab {
            Tab::Processes => self.processes(place).len(),
            Tab::Contacts | Tab::Files => self.touched(place).len(),
            Tab::Alerts => place.alerts.len(),
        }
    }
}

fn next<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let at = all.iter().position(|it| *it == one).map_or(0, |at| at + 1);
    all.get(at).or(all.first()).copied().unwrap_or(one)
}
