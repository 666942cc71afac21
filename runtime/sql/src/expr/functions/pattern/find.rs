//! Matches as Java's `Matcher.find` gives them: it goes on at the end of a match that is not empty, so that an empty
//! one may follow at once, and counts in UTF-16 units, so that an empty one may stand inside of a character.

use regex::Regex;
use std::ops::Range;

/// A match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// These bytes.
    Part(Range<usize>),
    /// Nothing, between the two UTF-16 units of the character that starts at this byte.
    Inside(usize),
}

/// All matches, from the left.
pub fn matches<'a>(regex: &'a Regex, text: &'a str) -> impl Iterator<Item = Match> + 'a {
    let mut next = Some(0);
    let mut inside = None;
    std::iter::from_fn(move || {
        if let Some(at) = inside.take().filter(|_| matches_nothing(regex)) {
            return Some(Match::Inside(at));
        }
        let found = regex.find_at(text, next?)?;
        next = Some(found.end());
        if found.is_empty() {
            let following = text.get(found.end()..).and_then(|rest| rest.chars().next());
            next = following.map(|c| found.end() + c.len_utf8());
            inside = following.filter(|c| c.len_utf16() == 2).map(|_| found.end());
        }
        Some(Match::Part(found.range()))
    })
}

/// True when the regex matches the empty text between two characters that mean nothing to it.
fn matches_nothing(regex: &Regex) -> bool {
    const HALVES: &str = "\u{fffd}\u{fffd}";
    regex.find_at(HALVES, HALVES.len() / 2).is_some_and(|m| m.range() == (3..3))
}

/// Each match replaced. Where a character is torn apart, Java writes its halves as question marks.
pub fn replace(regex: &Regex, text: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for found in matches(regex, text) {
        match found {
            Match::Part(range) => {
                out.push_str(text.get(rest..range.start).unwrap_or_default());
                out.push_str(new);
                rest = range.end;
            }
            Match::Inside(at) => {
                out.push_str(text.get(rest..at).unwrap_or_default());
                out.push('?');
                out.push_str(new);
                out.push('?');
                rest = at + 4;
            }
        }
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    out
}

/// `String.split`: with a limit of 0, without the empty texts at the end.
pub fn split<'t>(regex: &Regex, text: &'t str, limit: usize) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for found in matches(regex, text) {
        let Match::Part(range) = found else { continue };
        if limit > 0 && parts.len() == limit - 1 {
            break;
        }
        // Nothing at the very start cuts nothing off.
        if range != (0..0) {
            parts.push(text.get(start..range.start).unwrap_or_default());
            start = range.end;
        }
    }
    if parts.is_empty() {
        return vec![text];
    }
    parts.push(text.get(start..).unwrap_or_default());
    while limit == 0 && parts.last().is_some_and(|p| p.is_empty()) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        for (regex, text, limit, expected) in [
            ("|", "a|b", 0, &["a", "|", "b"][..]),
            (",", ",a,,b,,", 0, &["", "a", "", "b"]),
            ("=", "a=1=2", 2, &["a", "1=2"]),
            (".", "b.2", 2, &["", ".2"]),
            (",", "", 0, &[""]),
        ] {
            assert_eq!(split(&Regex::new(regex).unwrap(), text, limit), expected, "{text} at {regex}");
        }
    }

    #[test]
    fn empty_matches() {
        for (regex, text, replaced) in [
            ("x*", "abx", "-a-b--"),
            ("x*", "xxaxx", "--a--"),
            ("", "a😀b", "-a-?-?-b-"),
            ("x*", "", "-"),
            ("^", "😀b", "-😀b"),
            ("b", "😀b", "😀-"),
            ("y", "abc", "abc"),
        ] {
            assert_eq!(replace(&Regex::new(regex).unwrap(), text, "-"), replaced, "{regex} in {text}");
        }
    }
}
