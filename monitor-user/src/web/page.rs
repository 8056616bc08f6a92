//! The page itself: files that are in the program, as they are in the tree.

/// A part of it: its type, and its text.
pub(super) fn part(path: &str) -> Option<(&'static str, &'static str)> {
    const HTML: &str = "text/html; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Some(match path {
        "/" => (HTML, include_str!("page/index.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        "/icon.svg" => ("image/svg+xml", include_str!("page/icon.svg")),
        "/page.js" => (SCRIPT, include_str!("page/page.js")),
        "/kit.js" => (SCRIPT, include_str!("page/kit.js")),
        "/views.js" => (SCRIPT, include_str!("page/views.js")),
        "/container.js" => (SCRIPT, include_str!("page/container.js")),
        "/live.js" => (SCRIPT, include_str!("page/live.js")),
        "/story.js" => (SCRIPT, include_str!("page/story.js")),
        "/tree.js" => (SCRIPT, include_str!("page/tree.js")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        let index = part("/").unwrap().1;
        for named in index.split(['"', '\'']).filter(|text| text.starts_with('/')) {
            assert!(part(named).is_some(), "{named} is not there");
        }
        for path in ["/", "/page.css", "/page.js", "/kit.js", "/views.js", "/container.js"]
            .into_iter()
            .chain(["/live.js", "/story.js", "/tree.js", "/icon.svg"])
        {
            let text = part(path).unwrap().1;
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "//cdn", "innerHTML", "outerHTML", "insertAdjacent"]
                .into_iter()
                .chain(["document.write", "eval(", "new Function", "onclick=", "style="])
            {
                assert!(!text.contains(word), "{path}: {word}");
            }
        }
        assert!(part("/secret.rs").is_none() && part("/../page.js").is_none());
    }

    /// How much lighter one colour is than another, as the Web Content Accessibility Guidelines
    /// reckon.
    fn contrast(one: &str, other: &str) -> f64 {
        let light = |colour: &str| {
            let part = |at: usize| {
                let byte = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
                let part = f64::from(byte) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (one, other) = (light(one) + 0.05, light(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn all_text_can_be_read_on_every_ground() {
        let css = part("/page.css").unwrap().1;
        let schemes: Vec<&str> = css.split(":root {").skip(1).collect();
        assert_eq!(schemes.len(), 2, "light and dark");
        for scheme in schemes {
            let colour = |name: &str| {
                let at = scheme.find(&format!("--{name}: #")).unwrap() + name.len() + 4;
                &scheme[at..at + 7]
            };
            for ink in ["ink", "dim", "link", "bad", "warn", "good"] {
                for ground in ["paper", "soft", "mark", "alarm"] {
                    let contrast = contrast(colour(ink), colour(ground));
                    assert!(contrast >= 4.5, "{ink} on {ground}: {contrast:.2}");
                }
            }
            for line in ["life", "ended", "hollow"] {
                let contrast = contrast(colour(line), colour("paper"));
                assert!(contrast >= 3.0, "{line}: {contrast:.2}");
            }
        }
    }
}
