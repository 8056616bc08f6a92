//! The board, as a terminal shows it.

use monitor_rules::Priority;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Row, Table, TableState, Wrap},
};

use super::{
    board::{Board, Place},
    view::{Tab, View},
};
use crate::logging::count;

/// What the keys do.
const HELP: &[(&str, &str)] = &[
    ("↑ ↓  j k", "move"),
    ("Enter →", "look into the container"),
    ("Esc ←", "back"),
    ("Tab 1-4", "processes, connections, files, alerts"),
    ("/", "show only rows that hold a text"),
    ("s", "sort by something else"),
    ("r", "sort the other way round"),
    ("p Space", "halt, and go on"),
    ("Ctrl-L", "draw all anew"),
    ("?", "this"),
    ("q", "quit"),
];

/// What is known beside the board.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Where it comes from, in a few words.
    pub source: String,
    /// Why no more comes, if none does.
    pub over: Option<String>,
    /// Seconds since 1970.
    pub now_s: i64,
}

/// Draws what is looked at.
pub fn draw(frame: &mut Frame<'_>, board: &Board, view: &View, status: &Status) {
    let shown = view.board(board);
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(head_line(shown, view, status), head);
    match view.opened.as_ref().map(|id| (id, shown.places.get(id))) {
        Some((_, Some(place))) => draw_place(frame, body, place, view),
        Some((id, None)) => {
            let text = format!("{id} is not there any more: it was quiet, and made way for others");
            frame.render_widget(Paragraph::new(text), body);
        }
        None => draw_places(frame, body, shown, view, status),
    }
    frame.render_widget(foot_line(view), foot);
    if view.shows_help {
        draw_help(frame);
    }
}

fn head_line<'a>(board: &Board, view: &View, status: &Status) -> Line<'a> {
    let mut spans = vec![
        Span::from("runmon ").bold(),
        // At the left, where there is room for it in any case.
        match &status.over {
            Some(why) => Span::from(format!("{why}  ")).red().bold(),
            None => Span::from(format!("{}  ", status.source)).dim(),
        },
        Span::from(format!("{}  ", count(board.places.len(), "container"))),
        Span::from(format!("{} events  ", board.events)),
        counted("alerts", board.alerts, Color::Red),
        Span::from("  "),
        counted("lost", board.lost, Color::Magenta),
    ];
    if view.halted.is_some() {
        spans.push(Span::from("  HALTED").yellow().bold());
    }
    Line::from(spans)
}

fn counted<'a>(what: &str, count: u64, colour: Color) -> Span<'a> {
    let text = Span::from(format!("{count} {what}"));
    if count > 0 { text.fg(colour).bold() } else { text }
}

fn foot_line<'a>(view: &View) -> Line<'a> {
    if view.is_editing || !view.filter.is_empty() {
        let end =
            if view.is_editing { "▏ Enter keeps it, Esc drops it" } else { "  (/ changes it)" };
        return Line::from(vec![
            Span::from(format!("/{}", view.filter)).yellow().bold(),
            Span::from(end.to_owned()).dim(),
        ]);
    }
    let keys = match view.opened {
        Some(_) => "Esc back  Tab next  ↑↓ move  / find  p halt  ? help  q quit".to_owned(),
        None => format!(
            "Enter look into  s sort: {}  r reverse  / find  p halt  ? help  q quit",
            view.sort.name()
        ),
    };
    Line::from(Span::from(keys).dim())
}

fn header<'a>(names: &[&'a str]) -> Row<'a> {
    Row::new(names.iter().copied())
        .style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED))
}

/// Columns beside the name of what was touched, and what is between them.
const TOUCHED_WIDTH: usize = 7 + 7 + 24 + 3;

const MARKED: Style = Style::new().add_modifier(Modifier::REVERSED);

fn draw_places(frame: &mut Frame<'_>, area: Rect, board: &Board, view: &View, status: &Status) {
    let places = view.places(board, status.now_s);
    if places.is_empty() {
        let text = match view.filter.as_str() {
            "" => "Nothing has happened yet.",
            _ => "No container holds that text.",
        };
        frame.render_widget(Paragraph::new(text).dim(), area);
        return;
    }
    let rows = places.iter().map(|place| {
        let rate = |rate: &super::board::Rate| shown_rate(rate.a_second(status.now_s));
        let cells = [
            place.name().to_owned(),
            rate(&place.execs),
            rate(&place.connects),
            rate(&place.writes),
            place.alert_count.to_string(),
            place.lost.to_string(),
            place.process_count().to_string(),
            place.about.image.clone().unwrap_or_default(),
        ];
        let row = Row::new(cells);
        if place.alert_count > 0 { row.red() } else { row }
    });
    let widths = [
        Constraint::Fill(3),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Fill(2),
    ];
    let names = ["CONTAINER", "EXEC/s", "CONN/s", "WRITE/s", "ALERTS", "LOST", "PROCS", "IMAGE"];
    let table = Table::new(rows, widths).header(header(&names)).row_highlight_style(MARKED);
    let mut state = TableState::new().with_selected(view.marked_at(&places));
    frame.render_stateful_widget(table, area, &mut state);
}

fn shown_rate(rate: f64) -> String {
    if rate == 0.0 {
        "-".to_owned()
    } else if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

fn draw_place(frame: &mut Frame<'_>, area: Rect, place: &Place, view: &View) {
    let [about, tabs, body] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)])
            .areas(area);
    let image = place.about.image.as_ref().map_or(String::new(), |image| format!("  {image}"));
    let forgotten = match place.forgotten {
        0 => String::new(),
        count => format!("  ({count} older entries made way)"),
    };
    let line = Line::from(vec![
        Span::from(place.name().to_owned()).bold(),
        Span::from(format!("  {}{image}{forgotten}", place.about.id)).dim(),
    ]);
    frame.render_widget(line, about);
    frame.render_widget(tab_line(place, view), tabs);
    match view.tab {
        Tab::Processes => draw_processes(frame, body, place, view),
        Tab::Contacts | Tab::Files => draw_touched(frame, body, place, view),
        Tab::Alerts => draw_alerts(frame, body, place, view),
    }
}

fn tab_line<'a>(place: &Place, view: &View) -> Line<'a> {
    let entries = |tab: Tab| match tab {
        Tab::Processes => place.process_count(),
        Tab::Contacts => place.contacts.len(),
        Tab::Files => place.files.len(),
        Tab::Alerts => place.alerts.len(),
    };
    let one = |(at, tab): (usize, &Tab)| {
        let text = Span::from(format!(" {} {} {} ", at + 1, tab.name(), entries(*tab)));
        if *tab == view.tab { text.reversed() } else { text }
    };
    Line::from(Tab::ALL.iter().enumerate().map(one).collect::<Vec<_>>())
}

fn draw_processes(frame: &mut Frame<'_>, area: Rect, place: &Place, view: &View) {
    let processes = view.processes(place);
    let rows = processes.iter().map(|(depth, process)| {
        let name = format!("{}{}", "  ".repeat((*depth).min(20)), process.who.name);
        let row = Row::new([
            process.who.pid.to_string(),
            process.acts.to_string(),
            name,
            process.command.clone(),
        ]);
        if process.ended_s.is_some() || !process.is_here { row.dim() } else { row }
    });
    let widths =
        [Constraint::Length(8), Constraint::Length(6), Constraint::Fill(2), Constraint::Fill(3)];
    let table = Table::new(rows, widths)
        .header(header(&["PID", "ACTS", "PROGRAM", "COMMAND"]))
        .row_highlight_style(MARKED);
    frame.render_stateful_widget(table, area, &mut selected(view, processes.len()));
}

fn draw_touched(frame: &mut Frame<'_>, area: Rect, place: &Place, view: &View) {
    let touched = view.touched(place);
    let width = usize::from(area.width).saturating_sub(TOUCHED_WIDTH);
    let rows = touched.iter().map(|(name, it)| {
        let who = format!("{}({})", it.who.name, it.who.pid);
        let failed = if it.failed > 0 { it.failed.to_string() } else { "-".to_owned() };
        Row::new([it.count.to_string(), failed, who, end_of(name, width)])
    });
    let widths =
        [Constraint::Length(7), Constraint::Length(7), Constraint::Length(24), Constraint::Fill(1)];
    let what = if view.tab == Tab::Files { "FILE" } else { "ADDRESS" };
    let table = Table::new(rows, widths)
        .header(header(&["TIMES", "FAILED", "LAST BY", what]))
        .row_highlight_style(MARKED);
    frame.render_stateful_widget(table, area, &mut selected(view, touched.len()));
}

/// As much of a text as there is room for: its end, which tells files of a directory apart.
fn end_of(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = text.chars().skip(length.saturating_sub(width.saturating_sub(1)));
    std::iter::once('…').chain(kept).collect()
}

/// The row that is marked, as far as there are rows.
fn selected(view: &View, rows: usize) -> TableState {
    TableState::new().with_selected((rows > 0).then(|| view.row.min(rows - 1)))
}

fn draw_alerts(frame: &mut Frame<'_>, area: Rect, place: &Place, view: &View) {
    if place.alerts.is_empty() {
        frame.render_widget(Paragraph::new("No alerts since this began.").dim(), area);
        return;
    }
    let [list, about] =
        Layout::vertical([Constraint::Fill(1), Constraint::Percentage(45)]).areas(area);
    let rows = place.alerts.iter().map(|alert| {
        let repeats =
            if alert.repeats > 0 { format!(" ×{}", alert.repeats) } else { String::new() };
        Row::new([
            clock(alert.timestamp_ns),
            alert.priority.clone(),
            format!("{}{repeats}", alert.rule),
        ])
        .style(Style::new().fg(priority_colour(&alert.priority)))
    });
    let widths = [Constraint::Length(8), Constraint::Length(13), Constraint::Fill(1)];
    let table = Table::new(rows, widths)
        .header(header(&["TIME", "PRIORITY", "RULE"]))
        .row_highlight_style(MARKED);
    frame.render_stateful_widget(table, list, &mut selected(view, place.alerts.len()));
    let marked = place.alerts.get(view.row.min(place.alerts.len() - 1));
    if let Some(alert) = marked {
        let lines = vec![
            Line::from(alert.output.clone()),
            Line::from(""),
            Line::from(alert.description.clone()).dim(),
            Line::from(alert.techniques.join(" ")).cyan(),
        ];
        let block = Block::bordered().title(alert.rule.clone());
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), about);
    }
}

fn priority_colour(name: &str) -> Color {
    let mut all = Priority::ALL.into_iter();
    match all.find(|priority| priority.name() == name) {
        Some(priority) if priority <= Priority::Error => Color::Red,
        Some(Priority::Warning) => Color::Yellow,
        _ => Color::Reset,
    }
}

/// Time of day, UTC.
fn clock(timestamp_ns: i64) -> String {
    let text = crate::document::text::rfc3339(timestamp_ns);
    text.get(11..19).unwrap_or(&text).to_owned()
}

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let height = u16::try_from(HELP.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let width = 54.min(area.width);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let line = |(keys, what): &(&'static str, &'static str)| {
        Line::from(vec![Span::from(format!(" {keys:<10} ")).bold(), Span::from(*what)])
    };
    let lines: Vec<Line<'_>> = HELP.iter().map(line).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), place);
}
