//! Objects of plain members, as almost all lines are: values that are no objects or arrays, texts
//! without escapes. They are found without allocating; of anything else this says nothing, and
//! the full parser decides.

use crate::format::scan::Stops;
use std::ops::Range;

/// What ends a plain text, or makes it none.
const TEXT_STOPS: Stops = Stops::new([b'"', b'\\', b'"', b'"'], 0x20);

/// Where the columns' values are in a line; an empty range is a missing member.
#[derive(Debug, Default)]
pub(super) struct Plain {
    values: Vec<Range<usize>>,
}

impl Plain {
    /// Reads a line. `None` when it is not plain, or has a column twice.
    pub(super) fn read(&mut self, line: &str, names: &[String]) -> Option<()> {
        self.values.clear();
        self.values.resize(names.len(), 0..0);
        let mut scan = Scan { bytes: line.as_bytes(), at: 0 };
        scan.token(b'{')?;
        if scan.token(b'}').is_some() {
            return scan.end();
        }
        // Members are usually in the columns' order.
        let mut next = 0;
        loop {
            let name = scan.text()?;
            let name = line.get(name.start + 1..name.end - 1)?;
            scan.token(b':')?;
            let value = scan.value()?;
            let is_next = names.get(next).is_some_and(|n| n == name);
            if let Some(at) = if is_next { Some(next) } else { names.iter().position(|n| n == name) } {
                let found = self.values.get_mut(at)?;
                if found.end > 0 {
                    return None;
                }
                *found = value;
                next = at + 1;
            }
            if scan.token(b',').is_none() {
                scan.token(b'}')?;
                return scan.end();
            }
        }
    }

    /// The columns' values, in order, as they stand in the line.
    pub(super) fn values<'a>(&'a self, line: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.values.iter().map(move |v| line.get(v.clone()).filter(|text| !text.is_empty()))
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn token(&mut self, token: u8) -> Option<()> {
        self.blanks();
        (self.peek() == Some(token)).then(|| self.at += 1)
    }

    fn end(&mut self) -> Option<()> {
        self.blanks();
        self.peek().is_none().then_some(())
    }

    /// A text with its quotes.
    fn text(&mut self) -> Option<Range<usize>> {
        self.blanks();
        let start = self.at;
        self.token(b'"')?;
        self.at += TEXT_STOPS.find(self.bytes.get(self.at..)?)?;
        self.token(b'"')?;
        Some(start..self.at)
    }

    fn value(&mut self) -> Option<Range<usize>> {
        self.blanks();
        let start = self.at;
        match self.peek()? {
            b'"' => return self.text(),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(start..self.at)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// A number by JSON's grammar.
    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading = self.peek()?;
        if self.digits()? > 1 && leading == b'0' {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit; how many.
    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(self.at - start)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(line: &str) -> Option<Vec<Option<String>>> {
        let names = ["a", "b"].map(String::from);
        let mut plain = Plain::default();
        plain.read(line, &names)?;
        Some(plain.values(line).map(|v| v.map(String::from)).collect())
    }

    #[test]
    fn only_plain_objects_are_read() {
        let some = |a: &str, b: &str| Some(vec![Some(a.to_string()), Some(b.to_string())]);
        assert_eq!(read(r#"{"a":1,"b":"x"}"#), some("1", "\"x\""));
        assert_eq!(read(r#" { "b" : true , "c" : 7, "a" : -1.5e+3 } "#), some("-1.5e+3", "true"));
        assert_eq!(read(r#"{"a":"","b":null}"#), some("\"\"", "null"));
        assert_eq!(read("{}"), Some(vec![None, None]));
        for line in [
            "",
            "7",
            "{",
            r#"{"a":1,}"#,
            r#"{"a":1}}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":nul}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"\u0061":1}"#,
            "{\"a\":\"x\ty\"}",
            r#"{"a":[1]}"#,
            r#"{"a":{}}"#,
            r#"{"a":"x}"#,
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        /// What is read here is read so by the full parser.
        #[test]
        fn agrees_with_the_full_parser(line in r#"[{}":, a-c0-2.eE+\-\\tnulrfs]{0,24}"#) {
            if let Some(values) = read(&line) {
                let whole: Value = serde_json::from_str(&line).unwrap();
                for (name, value) in ["a", "b"].iter().zip(values) {
                    let value = value.map(|v| serde_json::from_str::<Value>(&v).unwrap());
                    prop_assert_eq!(value.as_ref(), whole.get(name));
                }
            }
        }
    }
}
