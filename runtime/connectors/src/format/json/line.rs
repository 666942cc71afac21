//! The objects of a line, as Jackson finds them: one, or an array of some, up to the first that is none; what stands
//! behind is ignored.

use super::decode::{Members, parse};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Write;

/// Why a line, or the rest of it, is no row: the column and the reason.
pub(super) type Bad = (usize, String);

/// The rows of a line, and what is wrong behind them.
pub(super) fn objects(line: &str) -> (Vec<Members<'_>>, Option<Bad>) {
    let mut reader = serde_json::Deserializer::from_str(line);
    let bad = |e: serde_json::Error| Some((e.column().max(1), reason(&e)));
    if !line.trim_start().starts_with('[') {
        return match Members::deserialize(&mut reader) {
            Ok(members) => (vec![members], None),
            Err(e) => (Vec::new(), bad(e)),
        };
    }
    let mut rows = Vec::new();
    match Vec::<&RawValue>::deserialize(&mut reader) {
        Err(e) => return (rows, bad(e)),
        Ok(items) => {
            for item in items {
                match parse(item.get()) {
                    Ok(members) => rows.push(members),
                    Err(e) => return (rows, bad(e)),
                }
            }
        }
    }
    (rows, None)
}

/// The message of an error without the place in it, which counts from the start of what was parsed.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_string()
}

/// The line with the control characters inside of its texts escaped, which Jackson reads but serde does not; `None`
/// when there are none.
pub(super) fn escaped(line: &str) -> Option<String> {
    // Nearly every line: nothing is copied.
    if !line.trim_ascii_end().bytes().any(|b| b < b' ') {
        return None;
    }
    let mut out = String::with_capacity(line.len() + 8);
    let (mut inside, mut after_backslash, mut found) = (false, false, false);
    for c in line.chars() {
        if inside && c < ' ' {
            found = true;
            let _ = write!(out, "\\u{:04x}", u32::from(c));
            continue;
        }
        out.push(c);
        if inside {
            inside = after_backslash || c != '"';
            after_backslash = c == '\\' && !after_backslash;
        } else {
            inside = c == '"';
        }
    }
    found.then_some(out)
}
