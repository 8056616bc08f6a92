use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyCode};
use serde_json::json;

use super::{
    board::Board,
    draw::{Status, draw},
    seen::{Act, FIELDS, FILTER, Outcome, Raised, Seen, Where, Who},
    view::{Flow, Sort, Tab, View},
};
use crate::{
    limits::{TOP_ALERTS, TOP_CONTAINERS, TOP_OBJECTS, TOP_PROCESSES},
    subscriber::{Form, Wish},
};

const NOW_S: i64 = 1_700_000_000;

fn who(pid: u32, name: &str) -> Who {
    Who { pid, name: name.to_owned() }
}

fn seen(act: Act, id: &str, pid: u32, object: &str) -> Seen {
    Seen {
        // Of the second before: rates are of whole seconds.
        timestamp_ns: (NOW_S - 1) * 1_000_000_000,
        act,
        outcome: Outcome::Done,
        place: Where { id: id.to_owned(), ..Where::default() },
        who: who(pid, "sh"),
        command: format!("sh -c {pid}"),
        ancestors: vec![who(pid - 1, "parent"), who(1, "init")],
        object: object.to_owned(),
    }
}

fn raised(id: &str, rule: &str) -> Raised {
    Raised {
        timestamp_ns: NOW_S * 1_000_000_000,
        place: Where { id: id.to_owned(), ..Where::default() },
        priority: "Critical".to_owned(),
        rule: rule.to_owned(),
        description: "what it looks for".to_owned(),
        output: "what happened".to_owned(),
        techniques: vec!["T1059".to_owned()],
        ..Raised::default()
    }
}

fn status() -> Status {
    Status { source: "tests".to_owned(), over: None, now_s: NOW_S }
}

fn picture(board: &Board, view: &View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, board, view, &status())).unwrap();
    terminal.backend().to_string()
}

fn press(view: &mut View, board: &Board, keys: &str) {
    for key in keys.chars() {
        let key = match key {
            '⏎' => KeyCode::Enter,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇥' => KeyCode::Tab,
            '⎋' => KeyCode::Esc,
            other => KeyCode::Char(other),
        };
        assert_eq!(view.key(key, board, NOW_S), Flow::On);
    }
}

fn two() -> Board {
    let mut board = Board::default();
    for pid in 10..20 {
        board.note(seen(Act::Exec, "aaaa", pid, ""));
    }
    board.note(seen(Act::Write, "bbbb", 30, "/srv/x"));
    board.note(seen(Act::Connect, "bbbb", 30, "10.0.0.1:443"));
    board.raise(raised("bbbb", "A rule"));
    board
}

#[test]
fn what_is_asked_for_can_be_asked() {
    let fields = FIELDS.iter().map(|field| (*field).to_owned()).collect();
    let form = Form::Fields { fields, json: true };
    assert!(form.writer(None).is_ok());
    let wish = Wish { filter: FILTER.to_owned(), form, ..Wish::default() };
    let kinds = wish.view().unwrap().kinds();
    let names: Vec<&str> =
        kinds.iter().map(|kind| crate::event::Action::KINDS[usize::from(kind)]).collect();
    let shown = ["exec", "exit", "connect", "send", "file_open", "accept", "listen"];
    // The last two for the names of addresses.
    assert_eq!(names, [&shown[..], &["dns_query", "dns_answer"]].concat());
}

#[test]
fn lines_are_read_as_they_are_written() {
    let line = json!({
        "evt.rawtime": "1700000000000000005", "evt.type": "connect", "evt.failed": "true",
        "evt.res": "ECONNREFUSED",
        "container.id": "0123456789ab", "container.name": "web", "container.image": null,
        "k8s.ns.name": "shop", "k8s.pod.name": "cart-1", "proc.pid": "7", "proc.name": "curl",
        "proc.cmdline": "curl \u{1b}[2J", "proc.apid": "6,1,<NA>", "proc.aname": "sh,init,<NA>",
        "fd.name": "x", "fd.rip": "::1", "fd.rport": "443", "fd.rip.name": "a.example,b.example",
    });
    let seen = Seen::parse(line.to_string().as_bytes()).unwrap();
    assert_eq!(seen.act, Act::Connect);
    assert_eq!(seen.outcome, Outcome::Failed);
    assert_eq!(seen.object, "[::1]:443 a.example");
    assert_eq!(seen.place.pod.as_deref(), Some("shop/cart-1"));
    assert_eq!(seen.ancestors, [who(6, "sh"), who(1, "init")]);
    assert_eq!(seen.command, r"curl \x1b[2J");
    let pending = line.to_string().replace("\"web\"", "\"<NA>\"").replace("cart-1", "<NA>");
    let seen = Seen::parse(pending.as_bytes()).unwrap();
    assert_eq!((seen.place.name, seen.place.pod), (None, None), "not known yet");
    for bad in [&b""[..], b"{}", b"[]", b"\xff", b"{\"evt.type\":\"open\"}"] {
        assert_eq!(Seen::parse(bad), None);
        assert_eq!(Raised::parse(bad), None);
    }
}

#[test]
fn who_started_a_container_is_not_in_it() {
    let ancestors = |container: &str| {
        let line = json!({
            "evt.rawtime": "1", "evt.type": "execve", "container.id": container, "proc.pid": "9",
            "proc.apid": "8,7,6,5", "proc.aname": "sh,runc:[2:INIT],runc,bash",
        });
        Seen::parse(line.to_string().as_bytes()).unwrap().ancestors
    };
    assert_eq!(ancestors("0123456789ab"), [who(8, "sh")]);
    assert_eq!(ancestors("host").len(), 4, "on the host they are all there");
}

#[test]
fn the_busiest_stands_first_and_the_order_can_be_chosen() {
    let board = two();
    let mut view = View::default();
    let order = |view: &View| -> Vec<String> {
        view.places(&board, NOW_S).iter().map(|place| place.name().to_owned()).collect()
    };
    assert_eq!(order(&view), ["aaaa", "bbbb"]);
    view.sort = Sort::Alerts;
    assert_eq!(order(&view), ["bbbb", "aaaa"]);
    press(&mut view, &board, "r");
    assert_eq!(order(&view), ["aaaa", "bbbb"]);
    press(&mut view, &board, "r/BBB⏎");
    assert_eq!(order(&view), ["bbbb"]);
    let rate = board.places["aaaa"].execs.a_second(NOW_S);
    assert!((rate - 2.0).abs() < 1e-9, "ten in five seconds: {rate}");
    assert!(board.places["aaaa"].execs.a_second(NOW_S + 60) < 1e-9);
}

#[test]
fn the_mark_stays_with_its_container() {
    let mut board = two();
    let mut view = View::default();
    press(&mut view, &board, "↓");
    assert_eq!(view.marked.as_deref(), Some("bbbb"));
    for pid in 40..90 {
        board.note(seen(Act::Write, "bbbb", pid, "/srv/y"));
    }
    let places = view.places(&board, NOW_S);
    assert_eq!((places[0].name(), view.marked_at(&places)), ("bbbb", 0));
    press(&mut view, &board, "⏎");
    assert_eq!(view.opened.as_deref(), Some("bbbb"));
    press(&mut view, &board, "⎋");
    assert_eq!(view.opened, None);
}

#[test]
fn a_small_terminal_shows_all_that_matters() {
    let board = two();
    let mut view = View { sort: Sort::Alerts, ..View::default() };
    let shown = picture(&board, &view, 80, 24);
    for word in ["CONTAINER", "EXEC/s", "WRITE/s", "ALERTS", "bbbb", "aaaa", "2.0", "? help"] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    press(&mut view, &board, "⏎");
    let shown = picture(&board, &view, 80, 24);
    for word in ["1 Processes", "sh -c 30", "    sh", "init", "Esc back"] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    press(&mut view, &board, "⇥");
    assert!(picture(&board, &view, 80, 24).contains("10.0.0.1:443"));
    press(&mut view, &board, "3");
    assert!(picture(&board, &view, 80, 24).contains("/srv/x"));
    press(&mut view, &board, "4");
    let shown = picture(&board, &view, 80, 24);
    for word in ["A rule", "Critical", "what happened", "what it looks for", "T1059"] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    press(&mut view, &board, "?");
    let shown = picture(&board, &view, 80, 24);
    assert!(shown.contains("look into the container") && shown.contains("quit"), "{shown}");
}

#[test]
fn a_small_terminal_says_that_no_more_comes() {
    let mut board = two();
    (board.events, board.lost) = (10_000_000, 100_000);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let status = Status { over: Some("the daemon ended".to_owned()), ..status() };
    terminal.draw(|frame| draw(frame, &board, &View::default(), &status)).unwrap();
    let shown = terminal.backend().to_string();
    assert!(shown.contains("the daemon ended"), "{shown}");
}

#[test]
fn no_size_is_too_small() {
    let board = two();
    for tab in Tab::ALL {
        for opened in [None, Some("bbbb".to_owned()), Some("gone".to_owned())] {
            let view = View { opened, tab, shows_help: true, row: 99, ..View::default() };
            for (width, height) in [(1, 1), (3, 2), (20, 5), (300, 100)] {
                picture(&board, &view, width, height);
            }
        }
    }
}

#[test]
fn names_that_processes_chose_stay_inert() {
    let hostile = "\x1b[31m<b>\u{202e}\n".repeat(1_000);
    let line = json!({
        "evt.rawtime": "1700000000000000005", "evt.type": "open", "evt.failed": "false",
        "container.id": "c", "proc.pid": "7", "proc.name": hostile, "proc.cmdline": hostile,
        "fd.name": hostile, "container.name": hostile, "proc.aname": hostile, "proc.apid": "1",
    });
    let mut board = Board::default();
    board.note(Seen::parse(line.to_string().as_bytes()).unwrap());
    for keys in ["", "⏎", "⏎3"] {
        let mut view = View::default();
        press(&mut view, &board, keys);
        let shown = picture(&board, &view, 80, 24);
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown}");
        assert!(shown.contains(r"\x1b[31m<b>\xe2"), "{shown}");
    }
}

#[test]
fn halted_it_shows_what_was_there() {
    let mut board = two();
    let mut view = View::default();
    press(&mut view, &board, "p");
    board.note(seen(Act::Exec, "cccc", 50, ""));
    assert!(!picture(&board, &view, 80, 24).contains("cccc"));
    assert!(picture(&board, &view, 80, 24).contains("HALTED"));
    press(&mut view, &board, " ");
    assert!(picture(&board, &view, 80, 24).contains("cccc"));
}

#[test]
fn a_filter_is_written_and_dropped() {
    let board = two();
    let mut view = View::default();
    // Also the letters that are keys elsewhere.
    press(&mut view, &board, "/q?s");
    assert_eq!(view.filter, "q?s");
    assert!(picture(&board, &view, 80, 24).contains("No container holds that text."));
    press(&mut view, &board, "⎋");
    assert_eq!(view.filter, "");
    assert_eq!(view.key(KeyCode::Char('q'), &board, NOW_S), Flow::Quit);
}

#[test]
fn everything_has_an_end() {
    let mut board = Board::default();
    for number in 0..TOP_CONTAINERS + 5 {
        board.note(seen(Act::Exec, &format!("c{number}"), 2, ""));
    }
    assert_eq!((board.places.len(), board.forgotten), (TOP_CONTAINERS, 5));
    let mut board = Board::default();
    for number in 0..u32::try_from(TOP_PROCESSES.max(TOP_OBJECTS)).unwrap() + 50 {
        board.note(seen(Act::Write, "c", number + 10, &format!("/f{number}")));
    }
    (0..TOP_ALERTS + 5).for_each(|_| board.raise(raised("c", "r")));
    let place = &board.places["c"];
    assert_eq!(place.files.len(), TOP_OBJECTS);
    assert!(place.processes.len() <= TOP_PROCESSES, "{}", place.processes.len());
    assert_eq!(place.alerts.len(), TOP_ALERTS);
    assert!(place.forgotten > 0);
}

#[test]
fn who_has_ended_is_shown_a_little_longer() {
    let mut board = Board::default();
    board.note(seen(Act::Exec, "c", 10, ""));
    board.note(seen(Act::Exit, "c", 10, ""));
    board.tidy(NOW_S);
    assert!(board.places["c"].processes.contains_key(&10));
    assert!(board.places["c"].processes.contains_key(&9), "its parent is there");
    assert_eq!(board.places["c"].process_count(), 1, "and is not counted");
    board.tidy(NOW_S + 10);
    assert!(!board.places["c"].processes.contains_key(&10));
    assert!(!board.places["c"].processes.contains_key(&9), "who was only above it goes as well");
}

#[test]
fn a_contact_that_fails_after_it_was_begun_is_one() {
    let mut board = Board::default();
    let contact = |outcome| Seen { outcome, ..seen(Act::Connect, "c", 10, "10.0.0.1:9") };
    for outcome in [Outcome::Begun, Outcome::Failed, Outcome::Failed, Outcome::Begun] {
        board.note(contact(outcome));
    }
    let place = &board.places["c"];
    let touched = &place.contacts["10.0.0.1:9"];
    assert_eq!((touched.count, touched.failed, place.connects.total), (3, 2, 3));
}

#[test]
fn a_tree_has_an_end_whatever_the_parents_say() {
    let mut board = Board::default();
    // Ids are used again: each is the other's parent.
    let mut event = seen(Act::Exec, "c", 10, "");
    event.ancestors = vec![who(11, "a"), who(10, "b")];
    board.note(event);
    let mut event = seen(Act::Exec, "c", 11, "");
    event.ancestors = vec![who(10, "a"), who(11, "b"), who(11, "b")];
    board.note(event);
    board.note(seen(Act::Exec, "c", 20, ""));
    let tree = board.places["c"].tree();
    assert!(tree.len() <= board.places["c"].processes.len());
    assert!(tree.iter().any(|(depth, process)| process.who.pid == 20 && *depth == 2));
}
