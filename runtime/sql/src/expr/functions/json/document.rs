//! JSON documents and the paths into them. A small parser of our own keeps the
//! text of numbers, and ignores what stands behind the value, as Jackson does.

use std::fmt::Write;
use streamjob_core::{Error, Result};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// As written.
    Number(String),
    /// Text, unescaped.
    Text(String),
    /// In order.
    Array(Vec<Json>),
    /// In order, each key once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// As compact JSON, keys sorted, numbers as Java's BigDecimal has them.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Json::Number(n) => out.push_str(&big_decimal(n)),
            Json::Text(t) => quote(out, t),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(fields) => {
                out.push('{');
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                for (i, (key, value)) in fields.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    quote(out, key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A number as `BigDecimal.toString` writes it: `1e3` is `1E+3`.
fn big_decimal(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |m| (true, m));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i64>() else { return text.to_string() };
    let digits = format!("{whole}{fraction}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        some => some,
    };
    let sign = if negative && digits != "0" { "-" } else { "" };
    let scale = fraction.len() as i64 - exponent;
    let adjusted = digits.len() as i64 - 1 - scale;
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    if scale > 0 && adjusted >= -6 {
        let padded = format!("{digits:0>width$}", width = scale as usize + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
        return format!("{sign}{whole}.{fraction}");
    }
    let (head, tail) = digits.split_at(1);
    let point = if tail.is_empty() { "" } else { "." };
    format!("{sign}{head}{point}{tail}E{adjusted:+}")
}

fn quote(out: &mut String, text: &str) {
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

/// Nesting beyond this is refused, so that a hostile text cannot exhaust the stack.
const MAX_DEPTH: usize = 500;

/// Reads the value at the start of a text; `None` when there is none.
pub fn parse(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    let ends = match &value {
        Json::Number(_) => reader.rest.is_empty() || reader.rest.starts_with([' ', '\t', '\n', '\r']),
        Json::Null | Json::Bool(_) => !reader.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$'),
        _ => true,
    };
    ends.then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.rest.as_bytes().first()? {
            b'n' => self.eat("null").map(|()| Json::Null),
            b't' => self.eat("true").map(|()| Json::Bool(true)),
            b'f' => self.eat("false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => {
                self.eat("[")?;
                let mut items = Vec::new();
                self.space();
                if self.eat("]").is_some() {
                    return Some(Json::Array(items));
                }
                loop {
                    items.push(self.value(depth + 1)?);
                    self.space();
                    if self.eat(",").is_none() {
                        self.eat("]")?;
                        return Some(Json::Array(items));
                    }
                }
            }
            b'{' => {
                self.eat("{")?;
                let mut fields: Vec<(String, Json)> = Vec::new();
                self.space();
                if self.eat("}").is_some() {
                    return Some(Json::Object(fields));
                }
                loop {
                    self.space();
                    let key = self.string()?;
                    self.space();
                    self.eat(":")?;
                    let value = self.value(depth + 1)?;
                    match fields.iter_mut().find(|(k, _)| *k == key) {
                        Some(field) => field.1 = value,
                        None => fields.push((key, value)),
                    }
                    self.space();
                    if self.eat(",").is_none() {
                        self.eat("}")?;
                        return Some(Json::Object(fields));
                    }
                }
            }
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Json> {
        let end =
            self.rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.split(['.', 'e', 'E']).next()?;
        let valid = !whole.is_empty()
            && whole.bytes().all(|b| b.is_ascii_digit())
            && (whole == "0" || !whole.starts_with('0'))
            && !digits.ends_with('.')
            && text.parse::<f64>().is_ok();
        self.rest = rest;
        valid.then(|| Json::Number(text.to_string()))
    }

    fn string(&mut self) -> Option<String> {
        self.eat("\"")?;
        let mut out = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, rest) = self.rest.split_at_checked(end)?;
            if plain.chars().any(|c| c < ' ') {
                return None;
            }
            out.push_str(plain);
            self.rest = rest;
            if self.eat("\"").is_some() {
                return Some(out);
            }
            self.eat("\\")?;
            let c = self.rest.chars().next()?;
            self.rest = self.rest.get(c.len_utf8()..)?;
            out.push(match c {
                '"' | '\\' | '/' => c,
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => self.escaped()?,
                _ => return None,
            });
        }
    }

    fn unit(&mut self) -> Option<u32> {
        let (hex, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u32::from_str_radix(hex, 16).ok()
    }

    /// What follows `\u`, with the second half of a surrogate pair.
    fn escaped(&mut self) -> Option<char> {
        let high = self.unit()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        self.eat("\\u")?;
        let low = self.unit()?;
        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low.checked_sub(0xDC00)?)
    }
}

/// A path such as `$.a.b[2]` or `lax $['a']`.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
    /// In `lax` mode what is missing is empty, else it is an error.
    pub lax: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    /// From its text; without a mode it is strict.
    pub fn compile(text: &str) -> Result<Self> {
        let wrong = || {
            Error::user(format!("JSON path '{text}' is not supported"))
                .fix("write a path of keys and indexes such as '$.orders[0].id'")
        };
        let trimmed = text.trim();
        let lax = trimmed.starts_with("lax");
        let body = trimmed.strip_prefix("lax").or_else(|| trimmed.strip_prefix("strict")).unwrap_or(trimmed);
        let mut rest = body.trim_start().strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (key, tail) = after.split_at_checked(end).ok_or_else(wrong)?;
                if key.is_empty() || key.contains(['*', '(', '?', '@']) {
                    return Err(wrong());
                }
                steps.push(Step::Key(key.to_string()));
                rest = tail;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (inner, tail) = after.split_once(']').ok_or_else(wrong)?;
                let inner = inner.trim();
                let quoted = ['\'', '"'].iter().find_map(|q| inner.strip_prefix(*q)?.strip_suffix(*q));
                steps.push(match quoted {
                    Some(key) => Step::Key(key.to_string()),
                    None => Step::Index(inner.parse().map_err(|_| wrong())?),
                });
                rest = tail;
            } else {
                return Err(wrong());
            }
        }
        Ok(Path { steps, lax })
    }

    /// What it leads to.
    pub fn find<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        self.steps.iter().try_fold(json, |value, step| match (step, value) {
            (Step::Key(key), Json::Object(fields)) => fields.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            (Step::Index(i), Json::Array(items)) => items.get(*i),
            _ => None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn documents() {
        for (text, expected) in [
            (r#" {"b": [1, 2.50, "x"], "a": {}, "B": null} "#, Some(r#"{"B":null,"a":{},"b":[1,2.50,"x"]}"#)),
            (r#"{"a": 1, "a": 2}"#, Some(r#"{"a":2}"#)),
            (r#""\u00fc\ud83d\ude00\n""#, Some("\"ü😀\\n\"")),
            ("[]", Some("[]")),
            ("-1.5e3", Some("-1.5E+3")),
            ("[1e3, 0.0001, 1E-10, -0.0, 0e5, 12e-1]", Some("[1E+3,0.0001,1E-10,0.0,0E+5,1.2]")),
            ("1 2", Some("1")),
            ("[1]]", Some("[1]")),
            ("1x", None),
            ("truex", None),
            ("01", None),
            ("1.", None),
            ("{'a': 1}", None),
            ("[1,]", None),
            ("[1] x", Some("[1]")),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(|j| j.text()).as_deref(), expected, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }

    #[test]
    fn paths() {
        let json = parse(r#"{"a": {"b": [1, 2, "x"]}, "k k": true}"#).unwrap();
        for (path, expected) in [
            ("$", Some(r#"{"a":{"b":[1,2,"x"]},"k k":true}"#)),
            ("$.a.b[2]", Some("\"x\"")),
            ("lax $['k k']", Some("true")),
            ("$.a.c", None),
            ("$.a[0]", None),
        ] {
            assert_eq!(Path::compile(path).unwrap().find(&json).map(Json::text).as_deref(), expected, "{path}");
        }
        assert!(Path::compile("a.b").is_err() && Path::compile("$.*").is_err() && Path::compile("$..a").is_err());
    }

    proptest! {
        #[test]
        fn texts_round_trip(text in "\\PC*") {
            let json = Json::Text(text);
            prop_assert_eq!(parse(&json.text()), Some(json));
        }
    }
}
