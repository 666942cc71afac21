//! The corpus: scripts with what real Flink printed for them.

use std::path::{Path, PathBuf};
use streamjob_sql::parser::{Statement, parse_script};
use streamjob_sql::position::Position;

/// One script with its expected lines.
#[derive(Debug, Clone)]
pub struct Golden {
    /// File name without its ending.
    pub name: String,
    /// Jobs that must have ended before: a script that reads back what it wrote
    /// has its INSERTs run one after the other, as Flink's clients run them.
    pub before: Vec<String>,
    /// The script, `${DATA}` filled in; with jobs before, without their INSERTs.
    pub sql: String,
    /// Lines of the print sinks, in order.
    pub lines: Vec<String>,
    /// The script must be refused or fail.
    pub is_error: bool,
    /// Lines may come in any order.
    pub any_order: bool,
}

/// The folder of the corpus.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

/// All goldens, by name; `GOLDEN=part` in the environment selects some.
pub fn goldens() -> std::io::Result<Vec<Golden>> {
    let data = folder().join("data").display().to_string();
    let wanted = std::env::var("GOLDEN").unwrap_or_default();
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder().join("sql"))? {
        let path = entry?.path();
        let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_none_or(|e| e != "sql") || !name.contains(&wanted) {
            continue;
        }
        let sql = std::fs::read_to_string(&path)?;
        let expected = std::fs::read_to_string(path.with_extension("expected"))?;
        let sql = sql.replace("${DATA}", &data);
        let mut jobs = if sql.contains("${OUT}") { one_insert_each(&sql) } else { vec![sql] };
        let Some(sql) = jobs.pop() else { continue };
        let several_inserts = sql.matches("INSERT INTO").count() > 1;
        out.push(Golden {
            before: jobs,
            any_order: several_inserts || sql.lines().nth(1).is_some_and(|l| l.trim() == "-- order: any"),
            is_error: expected.lines().next() == Some("ERROR"),
            lines: expected.lines().map(str::to_string).collect(),
            sql,
            name,
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// The script once for each of its INSERTs, without the others. A script that
/// cannot be read stays whole, so that its job says why.
fn one_insert_each(sql: &str) -> Vec<String> {
    let Ok(statements) = parse_script(sql) else { return vec![sql.to_string()] };
    let ends = statements.iter().skip(1).map(|s| offset(sql, s.position)).chain([sql.len()]);
    let parts: Vec<(bool, &str)> = statements
        .iter()
        .zip(ends)
        .map(|(s, end)| {
            let text = sql.get(offset(sql, s.position)..end).unwrap_or_default();
            (matches!(s.statement, Statement::Insert(_)), text)
        })
        .collect();
    let inserts = parts.iter().enumerate().filter(|(_, (is_insert, _))| *is_insert);
    inserts
        .map(|(kept, _)| {
            let used = parts.iter().enumerate().filter(|(i, (is_insert, _))| !is_insert || *i == kept);
            used.map(|(_, (_, text))| *text).collect()
        })
        .collect()
}

/// The byte at which a place of a text is.
fn offset(text: &str, at: Position) -> usize {
    let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(index(at.line)).map(str::len).sum();
    let line = text.get(before..).unwrap_or_default();
    before + line.chars().take(index(at.column)).map(char::len_utf8).sum::<usize>()
}
