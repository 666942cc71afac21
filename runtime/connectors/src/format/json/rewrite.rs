//! An object or array in a text column: written again, as Jackson writes the tree that it read.

use super::decode::{Key, Members, parse};
use serde_json::value::RawValue;
use std::fmt::Write;
use streamjob_core::text::double;

/// JSON without blanks and needless escapes; numbers with a point or an exponent are Java's doubles.
pub(super) fn rewritten(text: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(text.len());
    value(&mut out, text)?;
    Ok(out)
}

fn value(out: &mut String, text: &str) -> serde_json::Result<()> {
    match text.bytes().next() {
        Some(b'{') => {
            let Members(members) = parse(text)?;
            out.push('{');
            let mut first = true;
            for (i, (name, _)) in members.iter().enumerate() {
                // The last of equal names counts, where the first stands.
                if members.iter().take(i).any(|(n, _)| n == name) {
                    continue;
                }
                let last = members.iter().rev().find(|(n, _)| n == name);
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                quoted(out, name);
                out.push(':');
                value(out, last.map_or("null", |(_, raw)| raw.get()))?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(text)?;
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                value(out, item.get())?;
            }
            out.push(']');
        }
        Some(b'"') => {
            let Key(text) = parse(text)?;
            quoted(out, &text);
        }
        Some(b'-' | b'0'..=b'9') if text.contains(['.', 'e', 'E']) => {
            out.push_str(&double(text.parse().unwrap_or(f64::NAN)));
        }
        _ => out.push_str(text),
    }
    Ok(())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
