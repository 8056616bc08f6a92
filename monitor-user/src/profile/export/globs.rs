//! Paths of a profile in languages that have `*`, `?` and `[...]` for what varies.

/// What of a path as a profile writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// A character as it is.
    Plain(char),
    /// A byte that cannot be shown.
    Byte,
    /// What varies: the class by its name, or `*`.
    Varies(&'p str),
}

/// The pieces of a path that was written by [`crate::profile::paths::Route::text`].
pub(super) fn pieces(path: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let (piece, left) = match first {
            '*' => (Piece::Varies("*"), after),
            '{' => match after.split_once('}') {
                Some((class, left)) => (Piece::Varies(class), left),
                None => (Piece::Plain(first), after),
            },
            '\\' => match after.strip_prefix('x') {
                Some(code) => (Piece::Byte, code.get(2..).unwrap_or_default()),
                None => {
                    let escaped = after.chars().next().unwrap_or('\\');
                    (Piece::Plain(escaped), after.get(escaped.len_utf8()..).unwrap_or_default())
                }
            },
            plain => (Piece::Plain(plain), after),
        };
        pieces.push(piece);
        rest = left;
    }
    pieces
}

/// A path in which nothing varies, as it is.
pub(super) fn exact(path: &str) -> Option<String> {
    let plain = |piece| match piece {
        Piece::Plain(c) => Some(c),
        Piece::Byte | Piece::Varies(_) => None,
    };
    pieces(path).into_iter().map(plain).collect()
}

/// A path as a glob. What varies becomes what is nearest to it in such a language, which is wider:
/// `{number}` is a digit and whatever follows in that name.
pub(super) fn glob(path: &str) -> String {
    let mut glob = String::new();
    for piece in pieces(path) {
        match piece {
            Piece::Plain(c) => {
                if "*?[]{}\\^,\"@".contains(c) {
                    glob.push('\\');
                }
                glob.push(c);
            }
            Piece::Byte => glob.push('?'),
            Piece::Varies("number") => glob.push_str("[0-9]*"),
            Piece::Varies("hex") => glob.push_str("[0-9a-fA-F]*"),
            Piece::Varies("uuid") => glob.push_str("????????-????-????-????-????????????"),
            Piece::Varies(_) => glob.push('*'),
        }
    }
    glob
}
