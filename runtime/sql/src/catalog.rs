//! The tables and views of a script. Decides what a CREATE TABLE means: types of
//! computed columns, the time attribute, keys, and what LIKE takes over.

mod table;

use crate::expr::ExprContext;
use crate::parser::ddl::CreateTable;
use crate::parser::names::TableName;
use crate::parser::{CreateView, refused};
use crate::plan::Rel;
use crate::plan::from::rename_columns;
use crate::plan::query::{Names, Planner};
use crate::position::Position;
use datafusion_expr::sqlparser::ast::Expr;
use std::collections::BTreeMap;
use std::sync::Arc;
use streamjob_core::Result;
use streamjob_core::options::nearest;
use streamjob_core::table::TableDef;
use table::resolve;

/// The names of the one catalog and database.
const CATALOG: [&str; 2] = ["default_catalog", "default_database"];

/// A table, resolved.
#[derive(Debug, Clone)]
pub struct Table {
    /// As connectors see it.
    pub def: TableDef,
    /// One per column; `None` for those that are not computed.
    pub computed: Vec<Option<Expr>>,
    /// Position of the time attribute and its watermark.
    pub watermark: Option<(usize, Expr)>,
    /// Per column: true for `PROCTIME()`.
    pub proctime: Vec<bool>,
    /// Where it was created.
    pub position: Position,
}

/// A view.
#[derive(Clone)]
pub struct View {
    /// Its name.
    pub name: String,
    /// What it shows, planned when it was created.
    pub rel: Rel,
}

/// What a name stands for.
#[derive(Clone)]
pub enum Entry {
    /// A table.
    Table(Arc<Table>),
    /// A view.
    View(Arc<View>),
}

/// The tables and views that exist at some point of a script.
#[derive(Clone, Default)]
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
}

/// A name as Flink prints it.
pub fn full_name(name: &str) -> String {
    format!("{}.{}.{name}", CATALOG[0], CATALOG[1])
}

impl Catalog {
    /// The table or view with this name. Errors (User) suggest the nearest name.
    pub fn get(&self, parts: &[String], position: Position) -> Result<&Entry> {
        let name = local_name(parts, position)?;
        self.entries.get(&name).ok_or_else(|| {
            let error = position.error(format!("table or view '{name}' does not exist"));
            match nearest(&name, self.entries.keys().map(String::as_str)) {
                Some(near) => error.fix(format!("did you mean '{near}'?")),
                None if self.entries.is_empty() => error.fix("declare it by CREATE TABLE before"),
                None => {
                    let names: Vec<&str> = self.entries.keys().map(String::as_str).collect();
                    error.fix(format!("there are: {}", names.join(", ")))
                }
            }
        })
    }

    /// Adds a table.
    pub fn create_table(&mut self, syntax: &CreateTable, ctx: &ExprContext<'_>, position: Position) -> Result<()> {
        let name = local_name(&syntax.name.parts, syntax.name.position)?;
        if self.taken(&name, syntax.if_not_exists, syntax.name.position)? {
            return Ok(());
        }
        let base = match &syntax.like {
            None => None,
            Some(like) => match self.get(&like.source.parts, like.source.position)? {
                Entry::Table(t) => Some((like, Arc::clone(t))),
                Entry::View(_) => {
                    return Err(refused(like.source.position, "LIKE of a view", "name a table"));
                }
            },
        };
        let table = resolve(&name, syntax, base.as_ref().map(|(l, t)| (*l, t.as_ref())), ctx, position)?;
        self.entries.insert(name, Entry::Table(Arc::new(table)));
        Ok(())
    }

    /// Adds a view.
    pub fn create_view(&mut self, syntax: &CreateView, ctx: ExprContext<'_>) -> Result<()> {
        let name = local_name(&syntax.name.parts, syntax.name.position)?;
        if self.taken(&name, syntax.if_not_exists, syntax.name.position)? {
            return Ok(());
        }
        let mut rel = Planner { catalog: self, ctx }.query(&syntax.query, &Names::new())?;
        rename_columns(&mut rel, &syntax.columns.iter().collect::<Vec<_>>(), syntax.name.position)?;
        self.entries.insert(name.clone(), Entry::View(Arc::new(View { name, rel })));
        Ok(())
    }

    /// Drops a table or view.
    pub fn drop(&mut self, view: bool, name: &TableName, if_exists: bool) -> Result<()> {
        let local = local_name(&name.parts, name.position)?;
        if if_exists && !self.entries.contains_key(&local) {
            return Ok(());
        }
        match (view, self.get(&name.parts, name.position)?) {
            (true, Entry::View(_)) | (false, Entry::Table(_)) => {
                self.entries.remove(&local);
                Ok(())
            }
            (true, _) => Err(name.position.error(format!("'{local}' is a table, not a view")).fix("use DROP TABLE")),
            (false, _) => Err(name.position.error(format!("'{local}' is a view, not a table")).fix("use DROP VIEW")),
        }
    }

    /// True when the name is taken and that is no error.
    fn taken(&self, name: &str, if_not_exists: bool, position: Position) -> Result<bool> {
        match self.entries.contains_key(name) {
            true if if_not_exists => Ok(true),
            true => Err(position
                .error(format!("table or view '{name}' exists already"))
                .fix("choose another name, or DROP it before")),
            false => Ok(false),
        }
    }
}

/// The name without the one catalog and database that there are.
fn local_name(parts: &[String], position: Position) -> Result<String> {
    let path: Vec<&str> = parts.iter().map(String::as_str).collect();
    match path.as_slice() {
        [name] => Ok((*name).to_string()),
        [d, name] if *d == CATALOG[1] => Ok((*name).to_string()),
        [c, d, name] if *c == CATALOG[0] && *d == CATALOG[1] => Ok((*name).to_string()),
        _ => Err(position
            .error(format!("catalog or database of '{}' does not exist", path.join(".")))
            .fix(format!("a script's tables live in {}.{}: name the table alone", CATALOG[0], CATALOG[1]))),
    }
}
