//! The corpus: scripts with what real Flink printed for them.

use std::path::{Path, PathBuf};

/// One script with its expected lines.
#[derive(Debug, Clone)]
pub struct Golden {
    /// File name without its ending.
    pub name: String,
    /// The script, `${DATA}` filled in.
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
        let several_inserts = sql.matches("INSERT INTO").count() > 1;
        out.push(Golden {
            any_order: several_inserts || sql.lines().nth(1).is_some_and(|l| l.trim() == "-- order: any"),
            is_error: expected.lines().next() == Some("ERROR"),
            lines: expected.lines().map(str::to_string).collect(),
            sql: sql.replace("${DATA}", &data),
            name,
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}
