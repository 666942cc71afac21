//! URLs.

mod parse;

use super::super::BoundExpr;
use super::super::build::strings;
use super::site::{FunctionDef, Site, def};
use parse::Url;
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

/// For the docs.
pub const NOTE: &str = "A URL is read as `java.net.URL` reads it, of the protocols http, https, ftp, file, jar and mailto; \
another is NULL.";

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
    Url::parse(url)?.part(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (url, part, expected) in [
            ("http://u:p@h:80/p?k=1#r", "AUTHORITY", Some("u:p@h:80")),
            ("http://u:p@h:80/p?k=1#r", "HOST", Some("h")),
            ("http://[::1]:8/x", "HOST", Some("[::1]")),
            ("mailto:a@b?k=v", "PATH", Some("a@b")),
            ("mailto:a@b", "HOST", Some("")),
            ("http:/x/y", "PATH", Some("/x/y")),
            ("jar:file:/a.jar!/b", "PATH", Some("file:/a.jar!/b")),
            ("jar:file:/a.jar", "PATH", None),
            (" HTTP://H.de", "PROTOCOL", Some("http")),
            ("http://h?k=1", "FILE", Some("?k=1")),
            ("http://h/a/./b/../c", "PATH", Some("/a/c")),
            ("http://h/a/..", "PATH", Some("/")),
            ("foo://H/x", "HOST", None),
            ("http://h:x/", "HOST", None),
            ("//h/x", "HOST", None),
        ] {
            assert_eq!(url_part(url, part).as_deref(), expected, "{part} of {url}");
        }
    }
}
