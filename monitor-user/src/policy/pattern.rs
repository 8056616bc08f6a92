//! Patterns of names, part by part: `*` stands for anything within a part, and a part `**` for any
//! number of parts, one at least.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
}

impl Pattern {
    /// A pattern as it is written.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// As it is written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name is one of those.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        let pattern: Vec<&str> = self.text.split('/').collect();
        // Whether the parts so far can be those of the pattern so far, by number of the former.
        let mut can = vec![false; parts.len() + 1];
        if let Some(first) = can.first_mut() {
            *first = true;
        }
        for one in pattern {
            let mut next = vec![false; parts.len() + 1];
            let mut begun = false;
            for ((was, part), reached) in can.iter().zip(&parts).zip(next.iter_mut().skip(1)) {
                begun |= *was;
                *reached = if one == "**" { begun } else { *was && is_like(part, one) };
            }
            can = next;
        }
        can.last() == Some(&true)
    }
}

/// Whether a part is like another one in which `*` stands for anything.
fn is_like(part: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = part.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_part() {
        #[track_caller]
        fn check(pattern: &str, name: &str, expected: bool) {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
        check("a.b/shop/web", "a.b/shop/web", true);
        check("a.b/shop/web", "a.b/shop/web2", false);
        check("a.b/shop/*", "a.b/shop/web", true);
        check("a.b/shop/*", "a.b/shop/team/web", false);
        check("a.b/shop/*", "a.b/shop", false);
        check("a.b/shop/**", "a.b/shop/team/web", true);
        check("a.b/shop/**", "a.b/shop", false);
        check("a.b/**/web", "a.b/x/y/web", true);
        check("a.b/**/web", "a.b/web", false);
        check("a.b/shop-*", "a.b/shop-web", true);
        check("a.b/shop-*", "a.b/shop", false);
        check("*.example.com/app", "eu.example.com/app", true);
        check("*.example.com/app", "example.com.evil/app", false);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxbyy", false);
        check("a*a", "a", false);
        check("**", "a/b/c", true);
        check("*", "a/b", false);
    }
}
