//! What the program knows about itself: options, functions, resource
//! definitions, version.

use crate::report::Failure;
use crate::units::table;
use std::io::Write;
use streamjob_core::error::ErrorExt;
use streamjob_core::options::{REGISTRY, Support};
use streamjob_core::{Error, Result};
use streamjob_crds::crd;

/// Writes to standard output; a reader that went away is no error.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e).transient("cannot write to standard output"),
        _ => Ok(()),
    }
}

/// `options`.
pub fn options(markdown: bool, pattern: Option<&str>) -> Result<(), Failure> {
    if markdown {
        return Ok(print(&streamjob_core::options::markdown())?);
    }
    let wanted = pattern.unwrap_or_default().to_lowercase();
    let matches = |text: &str| text.to_lowercase().contains(&wanted);
    let mut rows = vec![vec!["OPTION".to_string(), "DEFAULT".into(), "VALUE".into(), "MEANING".into()]];
    for def in REGISTRY.iter().filter(|d| matches(d.key) || matches(d.doc) || d.deprecated.iter().any(|k| matches(k))) {
        let meaning = match def.support {
            Support::Yes => def.doc.to_string(),
            Support::Ignored(why) => format!("Accepted, no effect: {why}."),
            Support::No(why) => format!("Other values are refused: {why}."),
        };
        rows.push(vec![def.key.into(), def.default.unwrap_or("-").into(), def.kind.expected(), meaning]);
    }
    if rows.len() == 1 {
        return Err(Error::user(format!("no option's name or meaning contains '{}'", pattern.unwrap_or_default()))
            .fix("`streamjob options` lists them all")
            .into());
    }
    Ok(print(&table(&rows))?)
}

/// `functions`.
pub fn functions() -> Result<(), Failure> {
    Ok(print(&streamjob_sql::functions_page())?)
}

/// `crds`.
pub fn crds() -> Result<(), Failure> {
    let mut text = String::new();
    for definition in [crd::stream_job(), crd::stream_job_snapshot()] {
        let yaml = definition
            .internal("cannot make the definition")
            .and_then(|d| crd::yaml(d).internal("cannot write the definition"))?;
        text.push_str("---\n");
        text.push_str(&yaml);
    }
    Ok(print(&text)?)
}

/// `version`.
pub fn version() -> Result<(), Failure> {
    Ok(print(&format!("streamjob {}\n", env!("CARGO_PKG_VERSION")))?)
}
