//! What a terminal shows, as a page for a browser: text with the colours that tmux tells.

use std::fmt::Write as _;

/// The sixteen colours of a terminal, on a dark ground.
const COLOURS: [&str; 16] = [
    "#484f58", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#d0d7de",
    "#8b949e", "#ffa198", "#56d364", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#f0f6fc",
];

const INK: &str = "#e6edf3";
const PAPER: &str = "#0d1117";

/// How a page looks around what it shows.
const STYLE: &str = "\
    * { box-sizing: border-box; }\n\
    body { margin: 0; padding: 12px; background: #0d1117; }\n\
    figure { margin: 0; border: 1px solid #30363d; border-radius: 8px; overflow: hidden; }\n\
    figcaption { padding: 9px 16px; background: #161b22; color: #8b949e; border-bottom: 1px solid \
    #30363d; }\n\
    figcaption b { color: #e6edf3; font-weight: 400; }\n\
    figcaption, pre { font: 15px/1.42 'DejaVu Sans Mono', monospace; }\n\
    pre { margin: 0; padding: 12px 16px; color: #e6edf3; }\n";

/// A line, with its colours and without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    markup: String,
    pub(super) text: String,
}

impl Line {
    /// That something is left out here.
    pub(super) fn cut() -> Self {
        Self { markup: "  ⋮".to_owned(), text: "  ⋮".to_owned() }
    }
}

/// The lines of a screen; a colour goes on from one to the next.
pub(super) fn lines(screen: &str) -> Vec<Line> {
    let mut pen = Pen::default();
    screen.trim_end().lines().map(|line| coloured(line, &mut pen)).collect()
}

/// A page that shows a command and what came of it.
pub(super) fn page(command: &str, lines: &[Line]) -> String {
    let markup: Vec<&str> = lines.iter().map(|line| line.markup.as_str()).collect();
    format!(
        "<!doctype html><meta charset=utf-8><style>{STYLE}</style>\n\
         <figure><figcaption>$ <b>{}</b></figcaption><pre>{}</pre></figure>\n",
        escaped(command),
        markup.join("\n")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// How text looks from some place on.
#[derive(Clone, Default, PartialEq, Eq)]
struct Pen {
    ink: Option<String>,
    paper: Option<String>,
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
    is_turned: bool,
}

impl Pen {
    /// Takes what stands between `ESC [` and `m`.
    fn take(&mut self, parameters: &str) {
        let mut numbers = parameters.split(';').map(|number| number.parse::<usize>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            let named = |at: usize| COLOURS.get(at).map(|colour| (*colour).to_owned());
            match number {
                0 => *self = Self::default(),
                1 => self.is_bold = true,
                2 => self.is_dim = true,
                4 => self.is_underlined = true,
                7 => self.is_turned = true,
                22 => (self.is_bold, self.is_dim) = (false, false),
                24 => self.is_underlined = false,
                27 => self.is_turned = false,
                30..=37 => self.ink = named(number - 30),
                90..=97 => self.ink = named(number - 82),
                39 => self.ink = None,
                40..=47 => self.paper = named(number - 40),
                100..=107 => self.paper = named(number - 92),
                49 => self.paper = None,
                38 => self.ink = more(&mut numbers),
                48 => self.paper = more(&mut numbers),
                _ => {}
            }
        }
    }

    fn style(&self) -> String {
        let (mut ink, mut paper) = (self.ink.as_deref(), self.paper.as_deref());
        if self.is_turned {
            (ink, paper) = (Some(paper.unwrap_or(PAPER)), Some(ink.unwrap_or(INK)));
        }
        let mut style = String::new();
        let mut add = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            write!(style, "{name}:{value};").unwrap_or_default();
        };
        ink.into_iter().for_each(|colour| add("color", colour));
        paper.into_iter().for_each(|colour| add("background", colour));
        for (is_so, name, value) in [
            (self.is_bold, "font-weight", "bold"),
            (self.is_dim, "opacity", ".65"),
            (self.is_underlined, "text-decoration", "underline"),
        ] {
            if is_so {
                add(name, value);
            }
        }
        style
    }
}

/// A colour of 256, or of all.
fn more(numbers: &mut impl Iterator<Item = usize>) -> Option<String> {
    match numbers.next()? {
        2 => {
            let (red, green, blue) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some(format!("rgb({red},{green},{blue})"))
        }
        5 => match numbers.next()? {
            at @ 0..=15 => COLOURS.get(at).map(|colour| (*colour).to_owned()),
            at @ 16..=231 => {
                let part = |by: usize| match (at - 16) / by % 6 {
                    0 => 0,
                    level => 55 + 40 * level,
                };
                Some(format!("rgb({},{},{})", part(36), part(6), part(1)))
            }
            at => {
                let grey = 8 + 10 * at.saturating_sub(232);
                Some(format!("rgb({grey},{grey},{grey})"))
            }
        },
        _ => None,
    }
}

fn coloured(line: &str, pen: &mut Pen) -> Line {
    let mut told = Line::default();
    // What comes first stands before any change of colour.
    for (at, part) in line.split("\x1b[").enumerate() {
        let is_colour =
            |parameters: &str| parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
        let text = match part.split_once('m') {
            Some((parameters, text)) if at > 0 && is_colour(parameters) => {
                pen.take(parameters);
                text
            }
            _ => part,
        };
        told.text.push_str(text);
        match pen.style() {
            _ if text.is_empty() => {}
            none if none.is_empty() => told.markup.push_str(&escaped(text)),
            style => {
                let span = format!("<span style=\"{style}\">{}</span>", escaped(text));
                told.markup.push_str(&span);
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markup(screen: &str) -> Vec<String> {
        lines(screen).into_iter().map(|line| line.markup).collect()
    }

    #[test]
    fn colours_become_styles_and_text_stays_text() {
        assert_eq!(markup("a <b> & c"), ["a &lt;b&gt; &amp; c"]);
        assert_eq!(
            markup("a\x1b[31mred\x1b[0m\x1b[1;38;5;196mx\x1b[22m\ny\x1b[39mz"),
            [
                "a<span style=\"color:#ff7b72;\">red</span>\
                 <span style=\"color:rgb(255,0,0);font-weight:bold;\">x</span>",
                "<span style=\"color:rgb(255,0,0);\">y</span>z",
            ]
        );
        assert_eq!(
            markup("\x1b[7mx\x1b[27my"),
            [format!("<span style=\"color:{PAPER};background:{INK};\">x</span>y")]
        );
        assert_eq!(
            markup("\x1b[48;2;1;2;3mx"),
            ["<span style=\"background:rgb(1,2,3);\">x</span>"]
        );
        assert_eq!(lines("a\x1b[31mb")[0].text, "ab");
    }
}
