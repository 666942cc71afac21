//! URLs.

use super::super::BoundExpr;
use super::super::build::strings;
use super::site::{FunctionDef, Site, def};
use streamjob_core::{DataType, LogicalType, Result};

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[
    def(
        "PARSE_URL",
        "PARSE_URL(url, part [, key])",
        (2, 3),
        "HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO of a URL, or one value of its query.",
        parse_url,
    ),
    def("URL_ENCODE", "URL_ENCODE(text)", (1, 1), "As a form encodes it.", |s| {
        Ok(s.total(s.result(DataType::STRING), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            strings(a.rows, |r| text.get(r).map(encode))
        }))
    }),
    def("URL_DECODE", "URL_DECODE(text)", (1, 1), "As a form decodes it; NULL when it cannot.", |s| {
        Ok(s.total(LogicalType::new(DataType::STRING), vec![s.str(0)?], |a| {
            let text = a.str(0)?;
            strings(a.rows, |r| decode(text.get(r)?))
        }))
    }),
];

fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
            }
            other => out.push(other),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn parse_url(s: Site) -> Result<BoundExpr> {
    let mut args = vec![s.str(0)?, s.str(1)?];
    if s.len() > 2 {
        args.push(s.str(2)?);
    }
    Ok(s.total(LogicalType::new(DataType::STRING), args, |a| {
        let (url, part) = (a.str(0)?, a.str(1)?);
        let key = if a.has(2) { Some(a.str(2)?) } else { None };
        strings(a.rows, |r| {
            let (url, part) = (url.get(r)?, part.get(r)?);
            match &key {
                None => url_part(url, part),
                Some(key) => {
                    let key = key.get(r)?;
                    let query = url_part(url, part).filter(|_| part == "QUERY")?;
                    query
                        .split('&')
                        .find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == key))
                        .map(|(_, v)| v.into())
                }
            }
        })
    }))
}

fn url_part(url: &str, part: &str) -> Option<String> {
    let (protocol, rest) = url.split_once("://")?;
    let (rest, reference) = rest.split_once('#').map_or((rest, None), |(a, b)| (a, Some(b)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, ""),
    };
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
    let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    match part {
        "HOST" => Some(host.to_string()),
        "PATH" => Some(path.to_string()),
        "QUERY" => query.map(str::to_string),
        "REF" => reference.map(str::to_string),
        "PROTOCOL" => Some(protocol.to_string()),
        "FILE" => Some(query.map_or_else(|| path.to_string(), |q| format!("{path}?{q}"))),
        "AUTHORITY" => Some(authority.to_string()),
        "USERINFO" => user.map(str::to_string),
        _ => None,
    }
}
