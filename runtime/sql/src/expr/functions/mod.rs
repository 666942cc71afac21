//! Scalar functions under Flink's names. Each module lists its functions in a
//! table; the docs and the "did you mean" of unknown names come from these tables.

mod collection;
mod conditional;
mod hash;
mod java_math;
mod json;
mod math;
mod pattern;
mod site;
mod string;
mod time;
mod unbuilt;
mod url;

pub use site::{FunctionDef, Site};
pub use string::trim;
pub use time::proctime;

use super::BoundExpr;
use super::env::Env;
use super::literal::Unit;
use crate::parser::json::{IS_JSON, JSON_VALUE_ON};
use datafusion_expr::sqlparser::ast::Expr;
use std::collections::HashMap;
use std::sync::OnceLock;
use streamjob_core::options::nearest;
use streamjob_core::{Error, Result};

/// All functions, by group.
static GROUPS: &[(&str, &[FunctionDef])] = &[
    ("Conditions", conditional::FUNCTIONS),
    ("Numbers", math::FUNCTIONS),
    ("Text", string::FUNCTIONS),
    ("Patterns", pattern::FUNCTIONS),
    ("Hashes and encodings", hash::FUNCTIONS),
    ("URLs", url::FUNCTIONS),
    ("JSON", json::FUNCTIONS),
    ("Time", time::FUNCTIONS),
    ("Arrays, maps and rows", collection::FUNCTIONS),
];

/// What stands under a group's table: what a pattern or a path may be, and where Flink differs.
static NOTES: &[(&str, &str)] =
    &[("Patterns", pattern::NOTE), ("JSON", json::NOTE), ("Time", time::NOTE), ("URLs", url::NOTE)];

/// Functions that users write as operators or syntax; not offered as names.
const INTERNAL: &[&str] = &["||", "LIKE", "SIMILAR TO", "ITEM", IS_JSON, JSON_VALUE_ON];

fn index() -> &'static HashMap<&'static str, &'static FunctionDef> {
    static INDEX: OnceLock<HashMap<&'static str, &'static FunctionDef>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let defs = GROUPS.iter().flat_map(|(_, defs)| defs.iter());
        defs.flat_map(|d| std::iter::once(d.name).chain(d.aliases.iter().copied()).map(move |n| (n, d))).collect()
    })
}

/// True when there is a scalar function of this name, in any case.
pub fn is_scalar_function(name: &str) -> bool {
    index().contains_key(name.to_ascii_uppercase().as_str())
}

/// True for functions that are called without parentheses.
pub(super) fn is_bare(upper: &str) -> bool {
    matches!(upper, "CURRENT_TIMESTAMP" | "CURRENT_DATE" | "CURRENT_TIME" | "LOCALTIMESTAMP" | "LOCALTIME" | "PI")
}

/// The unit that an argument names (`TIMESTAMPADD(DAY, …)`), which is no column.
pub(super) fn unit_argument(function: &str, position: usize, expr: &Expr) -> Option<String> {
    let takes_unit = matches!(function, "TIMESTAMPADD" | "TIMESTAMPDIFF") && position == 0;
    match expr {
        Expr::Identifier(ident) if takes_unit && Unit::parse(&ident.value).is_some() => {
            Some(ident.value.to_ascii_uppercase())
        }
        _ => None,
    }
}

/// Binds a call. `name` is in upper case.
pub(super) fn bind(name: &str, args: Vec<BoundExpr>, env: &Env) -> Result<BoundExpr> {
    let Some(def) = index().get(name) else {
        if unbuilt::NAMES.contains(&name) {
            return Err(Error::user(format!("function {name} is not supported"))
                .fix("see docs/sql-functions.md for the functions there are"));
        }
        let error = Error::user(format!("No match found for function signature {name}({})", types(&args)));
        let names = index().keys().copied().filter(|n| !INTERNAL.contains(n));
        return Err(match nearest(name, names) {
            Some(near) => error.fix(format!("did you mean {near}?")),
            None => error.fix("see docs/sql-functions.md for the functions there are"),
        });
    };
    let site = Site::new(name, args, env);
    if site.len() < def.least || site.len() > def.most {
        return Err(Error::user(format!(
            "Invalid number of arguments to function '{name}'. Was expecting {}, found {}",
            expected(def),
            site.len()
        ))
        .fix(format!("write {}", def.signature)));
    }
    let shown = site.types();
    (def.bind)(site).map_err(|e| {
        if e.message().starts_with(site::MISMATCH) {
            Error::user(format!("Cannot apply '{name}' to arguments of type '{name}({shown})'"))
                .fix(format!("supported form: {}", def.signature))
        } else {
            e
        }
    })
}

fn expected(def: &FunctionDef) -> String {
    match (def.least, def.most) {
        (a, b) if a == b => format!("{a} arguments"),
        (a, usize::MAX) => format!("at least {a} arguments"),
        (a, b) => format!("{a} to {b} arguments"),
    }
}

fn types(args: &[BoundExpr]) -> String {
    args.iter().map(|a| format!("<{}>", a.ty.data)).collect::<Vec<_>>().join(", ")
}

/// The tables of the scalar functions, a section for each group.
pub fn functions_markdown() -> String {
    let mut page = String::new();
    for (group, defs) in GROUPS {
        page.push_str(&markdown_table(group, defs.iter().map(|d| (d.signature, d.aliases, d.doc))));
        if let Some((_, note)) = NOTES.iter().find(|(of, _)| of == group) {
            page.push_str(&format!("\n{note}\n"));
        }
    }
    page.push_str(&format!("\nKnown and refused by name: {}.\n", unbuilt::NAMES.join(", ")));
    page
}

/// A section with a table of functions: signature, other names, result.
pub fn markdown_table<'a>(title: &str, functions: impl Iterator<Item = (&'a str, &'a [&'a str], &'a str)>) -> String {
    let mut text = format!("\n## {title}\n\n| Function | Result |\n|---|---|\n");
    for (signature, aliases, doc) in functions {
        let also = if aliases.is_empty() { String::new() } else { format!(" (also `{}`)", aliases.join("`, `")) };
        text.push_str(&format!("| `{}`{also} | {} |\n", signature.replace('|', "\\|"), doc.replace('|', "\\|")));
    }
    text
}
