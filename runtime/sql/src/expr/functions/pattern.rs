//! LIKE, SIMILAR TO and the functions of regular expressions. Java's regex
//! syntax is rewritten to the regex crate's; what that cannot do (look-around,
//! back references) is refused by name.

pub(super) mod find;

use super::super::BoundExpr;
use super::super::args::Args;
use super::super::build::{try_bools, try_ints, try_parts, try_strings};
use super::site::{FunctionDef, Site, def};
use arrow::array::ArrayRef;
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def(
        "LIKE",
        "text [NOT] LIKE pattern [ESCAPE character]",
        (2, 3),
        "`%` stands for any text, `_` for one character.",
        |s| matches(&s, like_to_regex),
    ),
    def(
        "SIMILAR TO",
        "text [NOT] SIMILAR TO pattern [ESCAPE character]",
        (2, 3),
        "As LIKE, with `|`, `*`, `+`, `?`, groups and classes.",
        |s| matches(&s, similar_to_regex),
    ),
    def("REGEXP", "REGEXP(text, regex)", (2, 2), "True when some part of the text matches.", regexp),
    def(
        "REGEXP_REPLACE",
        "REGEXP_REPLACE(text, regex, new)",
        (3, 3),
        "Each match replaced by a text as it is (`$1` is no group).",
        replace,
    ),
    def(
        "REGEXP_EXTRACT",
        "REGEXP_EXTRACT(text, regex [, group])",
        (2, 3),
        "The first match or one of its groups, or NULL.",
        extract,
    ),
    def("REGEXP_COUNT", "REGEXP_COUNT(text, regex)", (2, 2), "Number of matches.", |s| {
        let regexes = Patterns::new(&s, 1, java_regex)?;
        Ok(s.fallible(s.result(DataType::Int), vec![s.str(0)?, s.str(1)?], move |a| {
            let text = a.str(0)?;
            try_ints(a.rows, |r| match (text.get(r), regexes.get(a, r)?) {
                (Some(text), Some(regex)) => Ok(Some(find::matches(&regex, text).count() as i32)),
                _ => Ok(None),
            })
        }))
    }),
    def("REGEXP_SUBSTR", "REGEXP_SUBSTR(text, regex)", (2, 2), "The first match, or NULL.", extract),
    def("REGEXP_INSTR", "REGEXP_INSTR(text, regex)", (2, 2), "Where the first match starts, or 0.", |s| {
        let regexes = Patterns::new(&s, 1, java_regex)?;
        Ok(s.fallible(s.result(DataType::Int), vec![s.str(0)?, s.str(1)?], move |a| {
            let text = a.str(0)?;
            try_ints(a.rows, |r| match (text.get(r), regexes.get(a, r)?) {
                (Some(text), Some(regex)) => Ok(Some(regex.find(text).map_or(0, |m| {
                    text.get(..m.start()).map_or(0, |before| before.encode_utf16().count() as i32 + 1)
                }))),
                _ => Ok(None),
            })
        }))
    }),
];

/// For the docs.
pub const NOTE: &str = "A regular expression is one of Java's. Not supported, and refused with its place: look-around \
`(?=…)` `(?!…)` `(?<=…)` `(?<!…)`, back references `\\1`, atomic groups and possessive quantifiers, `\\R`, `\\G`, \
`\\X`, classes of Java's own such as `\\p{javaLowerCase}`, and a `{` that is no repetition. A regular expression that \
is wrong is an error here; in Flink it gives NULL, or FALSE from REGEXP.";

pub(super) type Translate = fn(&str, Option<char>) -> std::result::Result<String, String>;

/// Patterns of a column that are kept compiled.
const KEPT: usize = 256;

/// The regexes of a call: one when the pattern is a literal, else one for each text of the column.
pub(super) struct Patterns {
    argument: usize,
    escape: Option<char>,
    translate: Translate,
    fixed: Option<Arc<Regex>>,
    seen: Mutex<HashMap<String, Arc<Regex>>>,
}

impl Patterns {
    pub(super) fn new(s: &Site, argument: usize, translate: Translate) -> Result<Self> {
        let escape = s.literal_str(argument + 1).and_then(|e| e.chars().next());
        let fixed = match s.literal_str(argument) {
            Some(pattern) => Some(Arc::new(compile(&pattern, escape, translate)?)),
            None => None,
        };
        Ok(Self { argument, escape, translate, fixed, seen: Mutex::default() })
    }

    pub(super) fn get(&self, args: &Args, row: usize) -> Result<Option<Arc<Regex>>> {
        if let Some(regex) = &self.fixed {
            return Ok(Some(Arc::clone(regex)));
        }
        args.str(self.argument)?.get(row).map(|pattern| self.compiled(pattern)).transpose()
    }

    fn compiled(&self, pattern: &str) -> Result<Arc<Regex>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = seen.get(pattern) {
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(compile(pattern, self.escape, self.translate)?);
        if seen.len() >= KEPT {
            seen.clear();
        }
        seen.insert(pattern.to_string(), Arc::clone(&regex));
        Ok(regex)
    }
}

fn compile(pattern: &str, escape: Option<char>, translate: Translate) -> Result<Regex> {
    let text = translate(pattern, escape).map_err(Error::user)?;
    RegexBuilder::new(&text).build().map_err(|_| {
        let error = Error::user(format!("regular expression '{pattern}' is not valid, or not supported"));
        if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<=") || pattern.contains("(?<!") {
            error.fix("look-around is not supported; write it without")
        } else {
            error.fix("docs/sql-functions.md says what a regular expression may be, below the functions of patterns")
        }
    })
}

fn like_to_regex(pattern: &str, escape: Option<char>) -> std::result::Result<String, String> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                Some(next) if next == '%' || next == '_' || Some(next) == escape => {
                    out.push_str(&regex::escape(&next.to_string()));
                }
                _ => return Err(format!("Invalid escape sequence '{pattern}'")),
            }
            continue;
        }
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    Ok(out)
}

fn similar_to_regex(pattern: &str, escape: Option<char>) -> std::result::Result<String, String> {
    let mut out = String::from("(?s)^(?:");
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                Some(next) => out.push_str(&regex::escape(&next.to_string())),
                None => return Err(format!("Invalid escape sequence '{pattern}'")),
            }
            continue;
        }
        match c {
            '[' => class = true,
            ']' => class = false,
            _ => {}
        }
        match c {
            '%' if !class => out.push_str(".*"),
            '_' if !class => out.push('.'),
            // A dot is any character, as in Flink.
            '^' | '$' | '\\' if !class => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out.push_str(")$");
    Ok(out)
}

/// Java's predefined classes know ASCII only, the regex crate's all of Unicode.
pub(super) fn java_regex(pattern: &str, _escape: Option<char>) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    let (mut classes, mut quantified) = (0u32, false);
    while let Some(c) = chars.next() {
        if c != '\\' {
            match c {
                '[' => classes += 1,
                ']' => classes = classes.saturating_sub(1),
                // To the regex crate this is a repetition of the repetition.
                '+' if quantified => {
                    return Err(format!(
                        "regular expression '{pattern}' has a possessive quantifier, which is not supported"
                    ));
                }
                _ => {}
            }
            quantified = classes == 0 && matches!(c, '*' | '+' | '?' | '}');
            out.push(c);
            continue;
        }
        quantified = false;
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[a-zA-Z0-9_]"),
            Some('W') => out.push_str("[^a-zA-Z0-9_]"),
            Some('s') => out.push_str(r"[ \t\n\x0B\x0C\r]"),
            Some('S') => out.push_str(r"[^ \t\n\x0B\x0C\r]"),
            Some('b') => out.push_str(r"(?-u:\b)"),
            Some('B') => out.push_str(r"(?-u:\B)"),
            Some('h') => out.push_str(r"[ \t\x{A0}]"),
            Some('Z') => out.push_str(r"\n?\z"),
            Some('Q') => {
                let rest: String = chars.clone().collect();
                let quoted = rest.split("\\E").next().unwrap_or_default().to_string();
                out.push_str(&regex::escape(&quoted));
                let skip = quoted.chars().count() + if rest.contains("\\E") { 2 } else { 0 };
                for _ in 0..skip {
                    chars.next();
                }
            }
            Some(d) if d.is_ascii_digit() && d != '0' => {
                return Err(format!("regular expression '{pattern}' has a back reference, which is not supported"));
            }
            Some(other) => {
                // Java lets any other non-letter be escaped.
                if other.is_alphanumeric() || regex_syntax_escapable(other) {
                    out.push('\\');
                }
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    Ok(out)
}

fn regex_syntax_escapable(c: char) -> bool {
    matches!(
        c,
        '\\' | '.'
            | '+'
            | '*'
            | '?'
            | '('
            | ')'
            | '|'
            | '['
            | ']'
            | '{'
            | '}'
            | '^'
            | '$'
            | '#'
            | '&'
            | '-'
            | '~'
            | '/'
            | '<'
            | '>'
            | '"'
            | '\''
            | ':'
            | '='
            | '!'
            | '@'
            | '%'
            | ','
            | ';'
            | '`'
            | ' '
    )
}

/// A way to match that is faster than a regex, for the LIKE patterns that have one.
enum Fast {
    Equals(String),
    Starts(String),
    Ends(String),
    Contains(String),
}

fn fast_like(pattern: &str) -> Option<Fast> {
    let inner = pattern.trim_matches('%');
    if inner.contains(['%', '_']) || pattern.chars().all(|c| c == '%') {
        return None;
    }
    let text = inner.to_string();
    Some(match (pattern.starts_with('%'), pattern.ends_with('%')) {
        (false, false) => Fast::Equals(text),
        (false, true) => Fast::Starts(text),
        (true, false) => Fast::Ends(text),
        (true, true) => Fast::Contains(text),
    })
}

fn matches(s: &Site, translate: Translate) -> Result<BoundExpr> {
    if s.len() > 2 {
        let escape = s.literal_str(2).unwrap_or_default();
        if escape.chars().count() != 1 {
            return Err(Error::user(format!("Invalid escape character '{escape}'")).fix("give one character"));
        }
    }
    let patterns = Patterns::new(s, 1, translate)?;
    let fast = if s.name == "LIKE" && s.len() == 2 { s.literal_str(1).as_deref().and_then(fast_like) } else { None };
    let ty = s.result(DataType::Boolean);
    let mut args = vec![s.str(0)?, s.str(1)?];
    if s.len() > 2 {
        // Part of the call's identity: the same pattern means another with another escape.
        args.push(s.str(2)?);
    }
    let kernel = move |a: &Args| -> Result<ArrayRef> {
        let text = a.str(0)?;
        try_bools(a.rows, |r| {
            let Some(text) = text.get(r) else { return Ok(None) };
            Ok(match &fast {
                Some(Fast::Equals(p)) => Some(text == p),
                Some(Fast::Starts(p)) => Some(text.starts_with(p.as_str())),
                Some(Fast::Ends(p)) => Some(text.ends_with(p.as_str())),
                Some(Fast::Contains(p)) => Some(text.contains(p.as_str())),
                None => patterns.get(a, r)?.map(|p| p.is_match(text)),
            })
        })
    };
    let mut bound = if s.literal_str(1).is_some() { s.total(ty, args, kernel) } else { s.fallible(ty, args, kernel) };
    bound.text = format!("{} {} {}", s.arg(0)?.text, s.name, s.arg(1)?.text);
    if s.len() > 2 {
        bound.text.push_str(&format!(" ESCAPE {}", s.arg(2)?.text));
    }
    Ok(bound)
}

fn regexp(s: Site) -> Result<BoundExpr> {
    let patterns = Patterns::new(&s, 1, java_regex)?;
    Ok(s.fallible(s.result(DataType::Boolean), vec![s.str(0)?, s.str(1)?], move |a| {
        let text = a.str(0)?;
        try_bools(a.rows, |r| match (text.get(r), patterns.get(a, r)?) {
            // The empty regular expression matches nothing in Flink.
            (Some(text), Some(regex)) => Ok(Some(!regex.as_str().is_empty() && regex.is_match(text))),
            _ => Ok(None),
        })
    }))
}

fn replace(s: Site) -> Result<BoundExpr> {
    let patterns = Patterns::new(&s, 1, java_regex)?;
    Ok(s.fallible(s.result(DataType::STRING), vec![s.str(0)?, s.str(1)?, s.str(2)?], move |a| {
        let (text, new) = (a.str(0)?, a.str(2)?);
        try_strings(a.rows, |r| match (text.get(r), patterns.get(a, r)?, new.get(r)) {
            (Some(text), Some(regex), Some(new)) => Ok(Some(find::replace(&regex, text, new))),
            _ => Ok(None),
        })
    }))
}

fn extract(s: Site) -> Result<BoundExpr> {
    let patterns = Patterns::new(&s, 1, java_regex)?;
    let mut args = vec![s.str(0)?, s.str(1)?];
    if s.len() > 2 {
        args.push(s.int(2)?);
    }
    Ok(s.fallible(LogicalType::new(DataType::STRING), args, move |a| {
        let text = a.str(0)?;
        let group = if a.has(2) { Some(a.int(2)?) } else { None };
        try_parts(a.rows, |r| {
            let group = match &group {
                Some(g) => g.get(r),
                None => Some(0),
            };
            Ok(match (text.get(r), patterns.get(a, r)?, group) {
                (Some(text), Some(regex), Some(group)) => {
                    let group = usize::try_from(group).ok();
                    regex.captures(text).and_then(|c| c.get(group?)).map(|m| m.as_str())
                }
                _ => None,
            })
        })
    }))
}
