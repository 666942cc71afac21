//! Hashes, Base64, hexadecimal, character sets and UUIDs.

use super::super::BoundExpr;
use super::super::args::Args;
use super::super::build::{strings, try_binaries, try_strings};
use super::super::call::Behaviour;
use super::site::{FunctionDef, Site, def};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType as ArrowType, Field};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use std::sync::Arc;
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def("MD5", "MD5(text)", (1, 1), "The MD5 hash in hexadecimal.", |s| hashed(&s, Algorithm::Md5)),
    def("SHA1", "SHA1(text)", (1, 1), "The SHA-1 hash in hexadecimal.", |s| hashed(&s, Algorithm::Sha1)),
    def("SHA224", "SHA224(text)", (1, 1), "The SHA-224 hash in hexadecimal.", |s| hashed(&s, Algorithm::Sha224)),
    def("SHA256", "SHA256(text)", (1, 1), "The SHA-256 hash in hexadecimal.", |s| hashed(&s, Algorithm::Sha256)),
    def("SHA384", "SHA384(text)", (1, 1), "The SHA-384 hash in hexadecimal.", |s| hashed(&s, Algorithm::Sha384)),
    def("SHA512", "SHA512(text)", (1, 1), "The SHA-512 hash in hexadecimal.", |s| hashed(&s, Algorithm::Sha512)),
    def("SHA2", "SHA2(text, bits)", (2, 2), "The SHA-2 hash of 224, 256, 384 or 512 bits.", |s| {
        let algorithm = match s.literal_int(1) {
            Some(224) => Algorithm::Sha224,
            Some(256) => Algorithm::Sha256,
            Some(384) => Algorithm::Sha384,
            Some(512) => Algorithm::Sha512,
            _ => return Err(Error::user("the length of SHA2 must be a literal").fix("give 224, 256, 384 or 512")),
        };
        hashed(&s, algorithm)
    }),
    def("TO_BASE64", "TO_BASE64(text)", (1, 1), "In Base64.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.bytes(0)?], |a| {
            let bytes = a.bytes(0)?;
            strings(a.rows, |r| bytes.get(r).map(to_base64))
        }))
    }),
    def("FROM_BASE64", "FROM_BASE64(text)", (1, 1), "From Base64.", |s| {
        Ok(s.fallible(s.result(DataType::STRING), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            try_strings(a.rows, |r| match text.get(r) {
                None => Ok(None),
                Some(t) => from_base64(t)
                    .map(|b| Some(String::from_utf8_lossy(&b).into_owned()))
                    .ok_or_else(|| Error::user(format!("'{t}' is not Base64"))),
            })
        }))
    }),
    def("HEX", "HEX(text or integer)", (1, 1), "In hexadecimal, in upper case.", hex),
    def("UNHEX", "UNHEX(text)", (1, 1), "Bytes from hexadecimal, or NULL.", |s| {
        Ok(s.total(LogicalType::new(DataType::VarBinary(MAX_LENGTH)), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            try_binaries(a.rows, |r| Ok(text.get(r).and_then(unhex)))
        }))
    }),
    def("ENCODE", "ENCODE(text, charset)", (2, 2), "The text's bytes in a character set.", |s| {
        let charset = Charset::of(&s)?;
        let ty = s.result(DataType::VarBinary(MAX_LENGTH));
        Ok(s.total(ty, vec![s.str(0)?, s.str(1)?], move |a| {
            let text = a.str(0)?;
            try_binaries(a.rows, |r| Ok(text.get(r).map(|t| charset.encode(t))))
        }))
    }),
    def("DECODE", "DECODE(bytes, charset)", (2, 2), "The text of bytes in a character set.", |s| {
        let charset = Charset::of(&s)?;
        Ok(s.total(s.result(DataType::STRING), vec![s.bytes(0)?, s.str(1)?], move |a| {
            let bytes = a.bytes(0)?;
            strings(a.rows, |r| bytes.get(r).map(|b| charset.decode(b)))
        }))
    }),
    def("UUID", "UUID()", (0, 0), "A random UUID.", |s| {
        let kernel = |a: &Args| strings(a.rows, |_| Some(uuid()));
        Ok(s.build(LogicalType::not_null(DataType::Char(36)), vec![], Behaviour::Volatile, Arc::new(kernel)))
    }),
];

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

fn hashed(s: &Site, algorithm: Algorithm) -> Result<BoundExpr> {
    let mut args = vec![s.bytes(0)?];
    if s.len() > 1 {
        args.push(s.int(1)?);
    }
    let digits = match algorithm {
        // The length may be an argument, so Flink gives no type of its own.
        _ if s.name == "SHA2" => DataType::VarChar(128),
        Algorithm::Md5 => DataType::Char(32),
        Algorithm::Sha1 => DataType::Char(40),
        Algorithm::Sha224 => DataType::Char(56),
        Algorithm::Sha256 => DataType::Char(64),
        Algorithm::Sha384 => DataType::Char(96),
        Algorithm::Sha512 => DataType::Char(128),
    };
    Ok(s.total(s.result(digits), args, move |a| {
        let input = a.arg(0)?.expand(a.rows)?;
        use datafusion_functions::crypto;
        let digests = match algorithm {
            Algorithm::Md5 => return text_of(&run(&crypto::md5(), &input)?),
            Algorithm::Sha1 => {
                let bytes = a.bytes(0)?;
                return strings(a.rows, |r| bytes.get(r).map(|b| lower_hex(&sha1(b))));
            }
            Algorithm::Sha224 => run(&crypto::sha224(), &input)?,
            Algorithm::Sha256 => run(&crypto::sha256(), &input)?,
            Algorithm::Sha384 => run(&crypto::sha384(), &input)?,
            Algorithm::Sha512 => run(&crypto::sha512(), &input)?,
        };
        let digests = digests
            .as_any()
            .downcast_ref::<BinaryArray>()
            .ok_or_else(|| Error::internal(format!("a hash gave {}", digests.data_type())))?;
        strings(a.rows, |r| digests.is_valid(r).then(|| lower_hex(digests.value(r))))
    }))
}

/// Runs one of DataFusion's functions whose meaning is Flink's.
fn run(function: &ScalarUDF, input: &ArrayRef) -> Result<ArrayRef> {
    let arg_field = Arc::new(Field::new("text", input.data_type().clone(), true));
    let return_type = function.return_type(&[input.data_type().clone()]).map_err(super::super::to_error)?;
    let args = ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(Arc::clone(input))],
        arg_fields: vec![arg_field],
        number_rows: input.len(),
        return_field: Arc::new(Field::new("hash", return_type, true)),
        config_options: Arc::default(),
    };
    let value = function.invoke_with_args(args).map_err(super::super::to_error)?;
    value.into_array(input.len()).map_err(super::super::to_error)
}

fn text_of(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        ArrowType::Utf8 => Ok(Arc::clone(array)),
        ArrowType::Utf8View => {
            let view = array.as_string_view();
            strings(view.len(), |r| view.is_valid(r).then(|| view.value(r).to_string()))
        }
        other => Err(Error::internal(format!("a hash gave {other}"))),
    }
}

fn lower_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// FIPS 180-4.
fn sha1(data: &[u8]) -> [u8; 20] {
    let mut h: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut message = data.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&((data.len() as u64) * 8).to_be_bytes());
    for block in message.chunks_exact(64) {
        let mut words: Vec<u32> =
            block.chunks_exact(4).map(|c| c.iter().fold(0u32, |w, b| (w << 8) | u32::from(*b))).collect();
        for i in 16..80 {
            let word = |back: usize| words.get(i - back).copied().unwrap_or(0);
            let next = (word(3) ^ word(8) ^ word(14) ^ word(16)).rotate_left(1);
            words.push(next);
        }
        let [mut a, mut b, mut c, mut d, mut e] = h;
        for (i, word) in words.iter().enumerate() {
            let (f, k) = match i / 20 {
                0 => ((b & c) | (!b & d), 0x5A82_7999),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6u32),
            };
            let t = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            e = d;
            d = c;
            c = b.rotate_left(30);
            b = a;
            a = t;
        }
        for (sum, add) in h.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(add);
        }
    }
    let mut out = [0u8; 20];
    for (place, byte) in out.iter_mut().zip(h.iter().flat_map(|w| w.to_be_bytes())) {
        *place = byte;
    }
    out
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |g, i| (g << 8) | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            if i <= chunk.len() {
                let six = (group >> (18 - 6 * i)) & 63;
                out.push(BASE64.get(six as usize).map_or('=', |b| char::from(*b)));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    let (mut group, mut bits) = (0u32, 0);
    for byte in body.bytes() {
        let six = BASE64.iter().position(|b| *b == byte)?;
        group = (group << 6) | six as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((group >> bits) as u8);
            group &= (1 << bits) - 1;
        }
    }
    Some(out)
}

fn hex(s: Site) -> Result<BoundExpr> {
    let ty = s.result(DataType::STRING);
    if s.ty(0)?.data.is_integer() {
        return Ok(s.total(ty, vec![s.long(0)?], |a| {
            let n = a.long(0)?;
            strings(a.rows, |r| n.get(r).map(|n| format!("{n:X}")))
        }));
    }
    Ok(s.total(ty, vec![s.bytes(0)?], |a| {
        let bytes = a.bytes(0)?;
        strings(a.rows, |r| bytes.get(r).map(|b| lower_hex(b).to_uppercase()))
    }))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    // Of an odd number of digits Flink makes the first one 0.
    let odd = text.len() % 2;
    let pairs = (odd..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok());
    std::iter::repeat_n(Some(0), odd).chain(pairs).collect()
}

#[derive(Debug, Clone, Copy)]
enum Charset {
    Ascii,
    Latin1,
    Utf8,
    Utf16Be,
    Utf16Le,
    Utf16,
}

impl Charset {
    fn of(s: &Site) -> Result<Self> {
        let known = "give 'US-ASCII', 'ISO-8859-1', 'UTF-8', 'UTF-16BE', 'UTF-16LE' or 'UTF-16' as a literal";
        let Some(name) = s.literal_str(1) else {
            return Err(Error::user(format!("the character set of {} must be a literal", s.name)).fix(known));
        };
        Ok(match name.to_ascii_uppercase().as_str() {
            "US-ASCII" => Charset::Ascii,
            "ISO-8859-1" => Charset::Latin1,
            "UTF-8" => Charset::Utf8,
            "UTF-16BE" => Charset::Utf16Be,
            "UTF-16LE" => Charset::Utf16Le,
            "UTF-16" => Charset::Utf16,
            _ => return Err(Error::user(format!("character set '{name}' is not known")).fix(known)),
        })
    }

    fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Ascii => text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect(),
            Charset::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
            Charset::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Charset::Utf16 if text.is_empty() => Vec::new(),
            Charset::Utf16 => [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
        }
    }

    fn decode(self, bytes: &[u8]) -> String {
        let wide = |bytes: &[u8], little: bool| {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|p| {
                    let pair = [p.first().copied().unwrap_or(0), p.get(1).copied().unwrap_or(0)];
                    if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
                })
                .collect();
            let half = if bytes.len() % 2 == 1 { "\u{fffd}" } else { "" };
            String::from_utf16_lossy(&units) + half
        };
        match self {
            Charset::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Charset::Ascii => bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect(),
            Charset::Latin1 => bytes.iter().map(|b| char::from(*b)).collect(),
            Charset::Utf16Be => wide(bytes, false),
            Charset::Utf16Le => wide(bytes, true),
            Charset::Utf16 => match bytes {
                [0xFF, 0xFE, rest @ ..] => wide(rest, true),
                [0xFE, 0xFF, rest @ ..] => wide(rest, false),
                all => wide(all, false),
            },
        }
    }
}

/// A random UUID of version 4.
fn uuid() -> String {
    let (high, low) = (super::math::random_bits(), super::math::random_bits());
    let bits = (u128::from(high) << 64) | u128::from(low);
    let bits = (bits & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sha1_of_known_texts() {
        assert_eq!(lower_hex(&sha1(b"hello")), "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d");
        assert_eq!(lower_hex(&sha1(b"")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(lower_hex(&sha1(&[b'a'; 1000])), "291e9a6c66994949b57ba5e650361e98fc36b1ba");
    }

    #[test]
    fn base64_both_ways() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("hello", "aGVsbG8=")] {
            assert_eq!(to_base64(text.as_bytes()), encoded);
            assert_eq!(from_base64(encoded).unwrap(), text.as_bytes());
        }
        assert_eq!(from_base64("?"), None);
    }

    #[test]
    fn uuids_are_version_4() {
        let (a, b) = (uuid(), uuid());
        assert_ne!(a, b);
        assert_eq!((a.len(), a.get(14..15)), (36, Some("4")));
    }
}
