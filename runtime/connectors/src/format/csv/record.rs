//! One CSV record: fields between delimiters, quoted or not, over line ends
//! inside of quotes. As in Jackson, a quote counts at the start of a field only.

use super::CsvOptions;
use crate::format::scan::Stops;

/// The fields of a record: most are parts of the input.
#[derive(Debug)]
pub(super) struct Record {
    /// Where an unquoted field stops: delimiter, line end or escape.
    stops: Stops,
    /// Fields that had quotes or escapes, without them.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Why the record is malformed, with the number of the field (from 1).
    pub bad: Option<(usize, String)>,
}

/// Where a field is.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// In `bytes`, not in the input.
    unescaped: bool,
}

/// What a record took of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub bytes: usize,
    pub lines: u64,
}

impl Record {
    pub(super) fn new(rules: &CsvOptions) -> Self {
        let stops = Stops::new([rules.delimiter, b'\n', b'\r', rules.escape.unwrap_or(b'\n')], 0);
        Self { stops, bytes: Vec::new(), spans: Vec::new(), bad: None }
    }

    /// The fields, unescaped, of the record that was read from `input`.
    pub(super) fn fields<'a>(&'a self, input: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |s| {
            let of = if s.unescaped { self.bytes.as_slice() } else { input };
            of.get(s.start..s.end).unwrap_or_default()
        })
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Reads the record at the start of `input`; `None` when it is not whole.
    pub(super) fn read(&mut self, input: &[u8], end: bool, rules: &CsvOptions) -> Option<Taken> {
        self.bytes.clear();
        self.spans.clear();
        self.bad = None;
        let mut at = 0;
        let mut lines = 0;
        loop {
            let (start, begun) = (at, self.bytes.len());
            let opens = rules.quote.is_some() && input.get(at).copied() == rules.quote;
            if opens {
                at = self.quoted(input, at + 1, end, rules, &mut lines)?;
            }
            let stop = match self.stops.find(input.get(at..).unwrap_or_default()) {
                Some(length) => at + length,
                None if end => input.len(),
                None => return None,
            };
            if opens || (rules.escape.is_some() && input.get(stop).copied() == rules.escape) {
                at = self.plain(input, at, end, rules)?;
                self.spans.push(Span { start: begun, end: self.bytes.len(), unescaped: true });
            } else {
                at = stop;
                self.spans.push(Span { start, end: stop, unescaped: false });
            }
            match input.get(at) {
                Some(b'\n') => return Some(Taken { bytes: at + 1, lines: lines + 1 }),
                Some(b'\r') => {
                    let two = match input.get(at + 1) {
                        Some(next) => *next == b'\n',
                        None if end => false,
                        None => return None,
                    };
                    return Some(Taken { bytes: at + 1 + usize::from(two), lines: lines + 1 });
                }
                Some(_) => at += 1,
                None => return Some(Taken { bytes: at, lines: lines + 1 }),
            }
        }
    }

    /// From `at` to the delimiter or line end, whose position it gives.
    fn plain(&mut self, input: &[u8], mut at: usize, end: bool, rules: &CsvOptions) -> Option<usize> {
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let Some(length) = self.stops.find(rest) else {
                self.bytes.extend_from_slice(rest);
                return end.then_some(input.len());
            };
            self.bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
            at += length;
            if input.get(at).copied() != rules.escape {
                return Some(at);
            }
            at = self.escaped(input, at, end)?;
        }
    }

    /// The character behind an escape.
    fn escaped(&mut self, input: &[u8], at: usize, end: bool) -> Option<usize> {
        match input.get(at + 1) {
            Some(byte) => {
                self.bytes.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'0' => 0,
                    other => *other,
                });
                Some(at + 2)
            }
            None if end => {
                self.fail("nothing follows the escape character");
                Some(at + 1)
            }
            None => None,
        }
    }

    /// From behind the opening quote to behind the closing one; what then stands
    /// before the delimiter makes the record bad.
    fn quoted(&mut self, input: &[u8], mut at: usize, end: bool, rules: &CsvOptions, lines: &mut u64) -> Option<usize> {
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|b| Some(*b) == rules.quote || Some(*b) == rules.escape) else {
                if !end {
                    return None;
                }
                *lines += rest.iter().filter(|b| **b == b'\n').count() as u64;
                self.fail("the quote that opens the field is never closed");
                return Some(input.len());
            };
            let text = rest.get(..length).unwrap_or_default();
            *lines += text.iter().filter(|b| **b == b'\n').count() as u64;
            self.bytes.extend_from_slice(text);
            at += length;
            if input.get(at).copied() == rules.escape && rules.escape != rules.quote {
                at = self.escaped(input, at, end)?;
                continue;
            }
            match input.get(at + 1).copied() {
                None if !end => return None,
                next if next.is_some() && next == rules.quote => {
                    self.bytes.extend(rules.quote);
                    at += 2;
                }
                _ => return self.behind_quote(input, at + 1, end, rules),
            }
        }
    }

    /// Blanks may stand between the closing quote and the delimiter.
    fn behind_quote(&mut self, input: &[u8], mut at: usize, end: bool, rules: &CsvOptions) -> Option<usize> {
        while input.get(at).is_some_and(|b| (*b == b' ' || *b == b'\t') && *b != rules.delimiter) {
            at += 1;
        }
        match input.get(at) {
            None if !end => return None,
            Some(b) if *b != rules.delimiter && *b != b'\n' && *b != b'\r' => {
                self.fail("text stands between the closing quote and the next delimiter");
            }
            _ => {}
        }
        Some(at)
    }

    fn fail(&mut self, why: &str) {
        if self.bad.is_none() {
            self.bad = Some((self.spans.len() + 1, why.to_string()));
        }
    }
}
