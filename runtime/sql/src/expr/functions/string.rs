//! Functions of text. Positions count from 1, in characters; where Flink counts
//! Java's UTF-16 units (LPAD, RPAD, OVERLAY), so does this.

mod parts;

use super::super::args::Args;
use super::super::build::{bools, ints, strings};
use super::super::{BoundExpr, literal};
use super::site::{FunctionDef, Site, alias, def};
use arrow::array::ArrayRef;
use parts::{concat, concat_operator, concat_ws, split, split_index, str_to_map};
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{DataType, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("||", "text || text", (2, 2), "Both texts joined; NULL if one is.", concat_operator),
    def("UPPER", "UPPER(text)", (1, 1), "In upper case.", |s| mapped(&s, str::to_uppercase)),
    def("LOWER", "LOWER(text)", (1, 1), "In lower case.", |s| mapped(&s, str::to_lowercase)),
    def(
        "INITCAP",
        "INITCAP(text)",
        (1, 1),
        "Each word's first letter in upper case, others in lower case; ASCII.",
        |s| mapped(&s, init_cap),
    ),
    def("REVERSE", "REVERSE(text)", (1, 1), "The characters in reverse order.", |s| {
        to_text(&s, |t| t.chars().rev().collect())
    }),
    alias("CHAR_LENGTH", &["CHARACTER_LENGTH"], "CHAR_LENGTH(text)", (1, 1), "Number of characters.", |s| {
        Ok(s.total(s.result(DataType::Int), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            ints(a.rows, |r| text.get(r).map(|t| t.chars().count() as i32))
        }))
    }),
    alias(
        "SUBSTRING",
        &["SUBSTR"],
        "SUBSTRING(text, from [, length])",
        (2, 3),
        "Part of a text; a negative `from` counts from the end.",
        substring,
    ),
    def("LEFT", "LEFT(text, n)", (2, 2), "The first n characters.", |s| {
        Ok(s.total(LogicalType::new(cut(&s)?), vec![s.str(0)?, s.int(1)?], |a| {
            let (text, n) = (a.str(0)?, a.int(1)?);
            strings(a.rows, |r| Some(text.get(r)?.chars().take(n.get(r)?.max(0) as usize).collect()))
        }))
    }),
    def("RIGHT", "RIGHT(text, n)", (2, 2), "The last n characters.", |s| {
        Ok(s.total(LogicalType::new(cut(&s)?), vec![s.str(0)?, s.int(1)?], |a| {
            let (text, n) = (a.str(0)?, a.int(1)?);
            strings(a.rows, |r| {
                let (text, n) = (text.get(r)?, n.get(r)?.max(0) as usize);
                Some(text.chars().skip(text.chars().count().saturating_sub(n)).collect())
            })
        }))
    }),
    def(
        "TRIM",
        "TRIM([BOTH | LEADING | TRAILING] [characters FROM] text)",
        (1, 1),
        "Without spaces, or these characters, at the ends.",
        |s| trim("TRIM", &s),
    ),
    def("LTRIM", "LTRIM(text [, characters])", (1, 2), "Without spaces, or these characters, at the start.", |s| {
        trim("LTRIM", &s)
    }),
    def("RTRIM", "RTRIM(text [, characters])", (1, 2), "Without spaces, or these characters, at the end.", |s| {
        trim("RTRIM", &s)
    }),
    def("BTRIM", "BTRIM(text [, characters])", (1, 2), "Without spaces, or these characters, at both ends.", |s| {
        trim("TRIM", &s)
    }),
    def("CONCAT", "CONCAT(text, …)", (1, usize::MAX), "All texts joined; NULL if one is.", |s| {
        let ty = s.result(DataType::STRING);
        let args = (0..s.len()).map(|i| s.str(i)).collect::<Result<Vec<_>>>()?;
        Ok(s.total(ty, args, concat))
    }),
    def(
        "CONCAT_WS",
        "CONCAT_WS(separator, text, …)",
        (1, usize::MAX),
        "The texts that are not NULL, with separators between.",
        |s| {
            let ty = LogicalType { data: DataType::STRING, nullable: s.ty(0)?.nullable };
            let args = (0..s.len()).map(|i| s.str(i)).collect::<Result<Vec<_>>>()?;
            Ok(s.total(ty, args, concat_ws))
        },
    ),
    def("REPLACE", "REPLACE(text, old, new)", (3, 3), "Each `old` replaced by `new`.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.str(0)?, s.str(1)?, s.str(2)?], |a| {
            let (text, old, new) = (a.str(0)?, a.str(1)?, a.str(2)?);
            strings(a.rows, |r| Some(replace(text.get(r)?, old.get(r)?, new.get(r)?)))
        }))
    }),
    alias(
        "TRANSLATE",
        &["TRANSLATE3"],
        "TRANSLATE(text, from, to)",
        (3, 3),
        "Characters of `from` replaced by those of `to` at the same place, or dropped.",
        |s| {
            Ok(s.total(s.result(DataType::STRING), vec![s.str(0)?, s.str(1)?, s.str(2)?], |a| {
                let (text, from, to) = (a.str(0)?, a.str(1)?, a.str(2)?);
                strings(a.rows, |r| Some(translate(text.get(r)?, from.get(r)?, to.get(r)?)))
            }))
        },
    ),
    def("POSITION", "POSITION(part IN text)", (2, 2), "Where `part` is found first, or 0.", |s| position(&s, 0, 1)),
    def(
        "LOCATE",
        "LOCATE(part, text [, from])",
        (2, 3),
        "Where `part` is found first, not before `from`, or 0; 1 for the empty text.",
        |s| position(&s, 0, 1),
    ),
    def("INSTR", "INSTR(text, part)", (2, 2), "Where `part` is found first, or 0.", |s| position(&s, 1, 0)),
    def("LPAD", "LPAD(text, length, pad)", (3, 3), "Filled at the start, or cut, to a length.", |s| pad(&s, true)),
    def("RPAD", "RPAD(text, length, pad)", (3, 3), "Filled at the end, or cut, to a length.", |s| pad(&s, false)),
    def("REPEAT", "REPEAT(text, n)", (2, 2), "The text n times.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.str(0)?, s.int(1)?], |a| {
            let (text, n) = (a.str(0)?, a.int(1)?);
            strings(a.rows, |r| Some(text.get(r)?.repeat(n.get(r)?.max(0) as usize)))
        }))
    }),
    def(
        "OVERLAY",
        "OVERLAY(text PLACING new FROM start [FOR length])",
        (3, 4),
        "A part of the text replaced.",
        overlay,
    ),
    def("STARTSWITH", "STARTSWITH(text, start)", (2, 2), "True when the text starts so.", |s| {
        affix(&s, |t, p| t.starts_with(p), |t, p| t.starts_with(p))
    }),
    def("ENDSWITH", "ENDSWITH(text, end)", (2, 2), "True when the text ends so.", |s| {
        affix(&s, |t, p| t.ends_with(p), |t, p| t.ends_with(p))
    }),
    def(
        "SPLIT_INDEX",
        "SPLIT_INDEX(text, separator, index)",
        (3, 3),
        "The part at an index from 0, or NULL.",
        split_index,
    ),
    def("SPLIT", "SPLIT(text, separator)", (2, 2), "The parts as an ARRAY<STRING>.", split),
    def(
        "STR_TO_MAP",
        "STR_TO_MAP(text [, list separator, pair separator])",
        (1, 3),
        "`a=1,b=2` as a MAP<STRING, STRING>; the separators are regular expressions.",
        str_to_map,
    ),
    def("ASCII", "ASCII(text)", (1, 1), "The first byte, as a TINYINT would hold it; 0 for the empty text.", |s| {
        Ok(s.total(s.result(DataType::Int), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            ints(a.rows, |r| Some(text.get(r)?.bytes().next().map_or(0, |b| i32::from(b as i8))))
        }))
    }),
    def("CHR", "CHR(n)", (1, 1), "The character of a code, modulo 256.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.long(0)?], |a| {
            let code = a.long(0)?;
            strings(a.rows, |r| {
                let n = code.get(r)?;
                Some(if n < 0 { String::new() } else { char::from((n & 0xFF) as u8).to_string() })
            })
        }))
    }),
    def("ELT", "ELT(index, text, …)", (2, usize::MAX), "The text at an index from 1, or NULL.", |s| {
        let mut args = vec![s.long(0)?];
        for i in 1..s.len() {
            args.push(s.str(i)?);
        }
        Ok(s.total(LogicalType::new(DataType::STRING), args, |a| {
            let index = a.long(0)?;
            let texts = (1..a.args.len()).map(|i| a.str(i)).collect::<Result<Vec<_>>>()?;
            strings(a.rows, |r| {
                let i = usize::try_from(index.get(r)?).ok()?.checked_sub(1)?;
                texts.get(i)?.get(r).map(str::to_string)
            })
        }))
    }),
];

/// Text to text of the same type.
fn mapped(s: &Site, f: fn(&str) -> String) -> Result<BoundExpr> {
    let data = if s.ty(0)?.data.is_string() { s.ty(0)?.data.clone() } else { DataType::STRING };
    Ok(s.total(s.result(data), vec![s.str(0)?], move |a| each(a, f)))
}

/// Text to STRING.
fn to_text(s: &Site, f: fn(&str) -> String) -> Result<BoundExpr> {
    Ok(s.total(s.result(DataType::STRING), vec![s.str(0)?], move |a| each(a, f)))
}

fn each(args: &Args, f: fn(&str) -> String) -> Result<ArrayRef> {
    let text = args.str(0)?;
    strings(args.rows, |r| text.get(r).map(f))
}

/// The empty text is found between all UTF-16 units; halves of a character that it tears apart become question marks.
fn replace(text: &str, old: &str, new: &str) -> String {
    if !old.is_empty() || text.chars().all(|c| c.len_utf16() == 1) {
        return text.replace(old, new);
    }
    let mut out = new.to_string();
    for c in text.chars() {
        if c.len_utf16() == 1 {
            out.push(c);
        } else {
            out.push_str(&format!("?{new}?"));
        }
        out.push_str(new);
    }
    out
}

fn init_cap(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let cased = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            start = !c.is_ascii_alphanumeric();
            cased
        })
        .collect()
}

/// The type of a part of the first argument.
fn cut(s: &Site) -> Result<DataType> {
    Ok(DataType::VarChar(match s.ty(0)?.data {
        DataType::Char(n) | DataType::VarChar(n) => n,
        _ => MAX_LENGTH,
    }))
}

fn substring(s: Site) -> Result<BoundExpr> {
    let ty = LogicalType::new(cut(&s)?);
    let mut args = vec![s.str(0)?, s.int(1)?];
    if s.len() > 2 {
        args.push(s.int(2)?);
    }
    // A negative length gives NULL.
    Ok(s.total(ty, args, |a| {
        let (text, from) = (a.str(0)?, a.int(1)?);
        let length = if a.has(2) { Some(a.int(2)?) } else { None };
        strings(a.rows, |r| {
            let (text, from) = (text.get(r)?, i64::from(from.get(r)?));
            let length = match &length {
                Some(l) => l.get(r)?,
                None => i32::MAX,
            };
            let length = usize::try_from(length).ok()?;
            let start = match from {
                1.. => from - 1,
                0 => 0,
                _ => text.chars().count() as i64 + from,
            };
            let Ok(start) = usize::try_from(start) else { return Some(String::new()) };
            Some(text.chars().skip(start).take(length).collect())
        })
    }))
}

/// TRIM, LTRIM and RTRIM of the first argument; the second has the characters to drop, else spaces.
pub fn trim(name: &str, s: &Site) -> Result<BoundExpr> {
    let (start, end) = (name != "RTRIM", name != "LTRIM");
    let characters = if s.len() > 1 { s.str(1)? } else { literal::string(" ").expr };
    let ty = s.result(cut(s)?);
    let mut bound = s.total(ty, vec![s.str(0)?, characters], move |a| {
        let (text, characters) = (a.str(0)?, a.str(1)?);
        strings(a.rows, |r| {
            let (mut text, characters) = (text.get(r)?, characters.get(r)?);
            if start {
                text = text.trim_start_matches(|c| characters.contains(c));
            }
            if end {
                text = text.trim_end_matches(|c| characters.contains(c));
            }
            Some(text.to_string())
        })
    });
    bound.text = s.text();
    Ok(bound)
}

fn translate(text: &str, from: &str, to: &str) -> String {
    text.chars()
        .filter_map(|c| match from.chars().position(|f| f == c) {
            None => Some(c),
            Some(at) => to.chars().nth(at),
        })
        .collect()
}

fn position(s: &Site, part: usize, text: usize) -> Result<BoundExpr> {
    let mut args = vec![s.str(part)?, s.str(text)?];
    if s.len() > 2 {
        args.push(s.int(2)?);
    }
    Ok(s.total(s.result(DataType::Int), args, |a| {
        let (part, text) = (a.str(0)?, a.str(1)?);
        let from = if a.has(2) { Some(a.int(2)?) } else { None };
        ints(a.rows, |r| {
            let (part, text) = (part.get(r)?, text.get(r)?);
            let from = match &from {
                Some(f) => f.get(r)?,
                None => 1,
            };
            if part.is_empty() {
                return Some(1);
            }
            let skipped = usize::try_from(from).unwrap_or(0).saturating_sub(1);
            let start = text.char_indices().nth(skipped).map_or(text.len(), |(i, _)| i);
            let found = text.get(start..).and_then(|rest| rest.find(part));
            Some(match found {
                Some(at) => text.get(..start + at).map_or(0, |before| before.chars().count() as i32 + 1),
                None => 0,
            })
        })
    }))
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn pad(s: &Site, left: bool) -> Result<BoundExpr> {
    let ty = s.result(DataType::STRING);
    Ok(s.total(ty, vec![s.str(0)?, s.int(1)?, s.str(2)?], move |a| {
        let (text, length, pad) = (a.str(0)?, a.int(1)?, a.str(2)?);
        strings(a.rows, |r| {
            let (text, length, pad) = (text.get(r)?, length.get(r)?, pad.get(r)?);
            let length = usize::try_from(length).ok()?;
            if pad.is_empty() {
                return None;
            }
            if text.is_ascii() && pad.is_ascii() {
                let kept = text.get(..length).unwrap_or(text);
                let missing = length.saturating_sub(text.len());
                let mut fill = pad.repeat(missing.div_ceil(pad.len()));
                fill.truncate(missing);
                return Some(if left { fill + kept } else { [kept, &fill].concat() });
            }
            let (units, pad) = (utf16(text), utf16(pad));
            let fill = pad.iter().copied().cycle().take(length.saturating_sub(units.len()));
            let kept = units.iter().copied().take(length);
            let all: Vec<u16> = if left { fill.chain(kept).collect() } else { kept.chain(fill).collect() };
            Some(String::from_utf16_lossy(&all))
        })
    }))
}

fn overlay(s: Site) -> Result<BoundExpr> {
    let mut args = vec![s.str(0)?, s.str(1)?, s.int(2)?];
    if s.len() > 3 {
        args.push(s.int(3)?);
    }
    Ok(s.total(s.result(DataType::STRING), args, |a| {
        let (text, new, start) = (a.str(0)?, a.str(1)?, a.int(2)?);
        let length = if a.has(3) { Some(a.int(3)?) } else { None };
        strings(a.rows, |r| {
            let (text, new, start) = (text.get(r)?, new.get(r)?, start.get(r)?);
            let units = utf16(text);
            let length = match &length {
                Some(l) => l.get(r)?,
                None => new.encode_utf16().count() as i32,
            };
            let Some(before) = usize::try_from(start).ok().and_then(|s| s.checked_sub(1)).filter(|b| *b < units.len())
            else {
                return Some(text.to_string());
            };
            let mut all: Vec<u16> = units.iter().copied().take(before).collect();
            all.extend(new.encode_utf16());
            // Without a rest of at least one unit, or without a length, Flink drops what follows.
            let length = usize::try_from(length).unwrap_or(0);
            if length > 0 && before + 1 + length <= units.len() {
                all.extend(units.iter().copied().skip(before + length));
            }
            Some(String::from_utf16_lossy(&all))
        })
    }))
}

fn affix(s: &Site, text: fn(&str, &str) -> bool, bytes: fn(&[u8], &[u8]) -> bool) -> Result<BoundExpr> {
    let ty = s.result(DataType::Boolean);
    if matches!(s.ty(0)?.data, DataType::Binary(_) | DataType::VarBinary(_)) {
        return Ok(s.total(ty, vec![s.bytes(0)?, s.bytes(1)?], move |a| {
            let (value, part) = (a.bytes(0)?, a.bytes(1)?);
            bools(a.rows, |r| Some(bytes(value.get(r)?, part.get(r)?)))
        }));
    }
    Ok(s.total(ty, vec![s.str(0)?, s.str(1)?], move |a| {
        let (value, part) = (a.str(0)?, a.str(1)?);
        bools(a.rows, |r| Some(text(value.get(r)?, part.get(r)?)))
    }))
}
