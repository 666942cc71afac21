//! CREATE TABLE to a table: LIKE, types of computed columns, key, watermark, options.

use super::Table;
use crate::expr::{ExprContext, Scope, ScopeColumn};
use crate::parser::ddl::{ColumnSyntaxKind, CreateTable, Like, LikeAction, LikeFeature};
use crate::plan::bind;
use crate::position::Position;
use datafusion_expr::sqlparser::ast::Expr;
use std::collections::BTreeMap;
use streamjob_core::options::nearest;
use streamjob_core::table::{ColumnDef, ColumnKind, TableDef, TableOptions, WatermarkDef};
use streamjob_core::{DataType, Result};
/// A column on its way into a table.
struct Draft {
    def: ColumnDef,
    expr: Option<Expr>,
    position: Position,
}

/// The table that a statement declares, over the one that LIKE names.
pub(super) fn resolve(
    name: &str,
    syntax: &CreateTable,
    base: Option<(&Like, &Table)>,
    ctx: &ExprContext<'_>,
    position: Position,
) -> Result<Table> {
    let action = |feature| base.map_or(LikeAction::Excluding, |(like, _)| like_action(like, feature));
    let mut drafts: Vec<Draft> = Vec::new();
    if let Some((_, from)) = base {
        for (column, expr) in from.def.columns.iter().zip(&from.computed) {
            let keep = match column.kind {
                ColumnKind::Physical => true,
                ColumnKind::Computed(_) => action(LikeFeature::Generated) != LikeAction::Excluding,
                ColumnKind::Metadata { .. } => action(LikeFeature::Metadata) != LikeAction::Excluding,
            };
            if keep {
                drafts.push(Draft { def: column.clone(), expr: expr.clone(), position });
            }
        }
    }
    let inherited = drafts.len();
    for column in &syntax.columns {
        let at = Position::of(column.name.span);
        let (kind, ty, expr) = match &column.kind {
            ColumnSyntaxKind::Physical(ty) => (ColumnKind::Physical, ty.clone(), None),
            ColumnSyntaxKind::Metadata { ty, key, is_virtual } => {
                let key = key.clone().unwrap_or_else(|| column.name.value.clone());
                (ColumnKind::Metadata { key, is_virtual: *is_virtual }, ty.clone(), None)
            }
            // Its type comes below, when all stored columns are known.
            ColumnSyntaxKind::Computed(e) => {
                (ColumnKind::Computed(e.to_string()), streamjob_core::LogicalType::new(DataType::Null), Some(e.clone()))
            }
        };
        let draft = Draft { def: ColumnDef { name: column.name.value.clone(), ty, kind }, expr, position: at };
        match drafts.iter().position(|d| d.def.name == draft.def.name) {
            None => drafts.push(draft),
            Some(old) if old < inherited && overwrites(&draft, drafts.get(old), &action) => {
                if let Some(slot) = drafts.get_mut(old) {
                    *slot = draft;
                }
            }
            Some(_) => {
                return Err(at
                    .error(format!("column '{}' of table '{name}' is declared twice", draft.def.name))
                    .fix("rename one"));
            }
        }
    }
    if drafts.is_empty() {
        return Err(position.error(format!("table '{name}' has no columns")).fix("declare its columns in parentheses"));
    }
    let proctime = compute_types(&mut drafts, ctx)?;
    let primary_key = primary_key(name, syntax, base, &action, &mut drafts)?;
    let watermark = watermark(syntax, base, &action, &mut drafts, ctx)?;
    let (partition_keys, options) = properties(name, syntax, base, &action, &drafts, position)?;
    let watermark_def = watermark.as_ref().and_then(|(index, expr)| {
        drafts.get(*index).map(|d| WatermarkDef { column: d.def.name.clone(), expr: expr.to_string() })
    });
    let (columns, computed) = drafts.into_iter().map(|d| (d.def, d.expr)).unzip();
    let def = TableDef {
        name: name.to_string(),
        columns,
        watermark: watermark_def,
        primary_key,
        partition_keys,
        options: TableOptions(options),
    };
    Ok(Table { def, computed, watermark, proctime, position })
}

/// What LIKE does with a kind of property: the last option that names it wins over ALL, as in Flink.
fn like_action(like: &Like, feature: LikeFeature) -> LikeAction {
    let named = like.options.iter().rev().find(|(_, f)| *f == feature);
    let all = like.options.iter().rev().find(|(_, f)| *f == LikeFeature::All);
    match (named, all) {
        (Some((a, _)), _) | (None, Some((a, _))) => *a,
        (None, None) if feature == LikeFeature::Options => LikeAction::Overwriting,
        (None, None) => LikeAction::Including,
    }
}

fn overwrites(new: &Draft, old: Option<&Draft>, action: &impl Fn(LikeFeature) -> LikeAction) -> bool {
    let feature = match (&new.def.kind, old.map(|o| &o.def.kind)) {
        (ColumnKind::Computed(_), Some(ColumnKind::Computed(_))) => LikeFeature::Generated,
        (ColumnKind::Metadata { .. }, Some(ColumnKind::Metadata { .. })) => LikeFeature::Metadata,
        _ => return false,
    };
    action(feature) == LikeAction::Overwriting
}

/// Binds computed columns over the stored ones; says which are `PROCTIME()`.
fn compute_types(drafts: &mut [Draft], ctx: &ExprContext<'_>) -> Result<Vec<bool>> {
    let scope = Scope {
        columns: drafts
            .iter()
            .filter(|d| d.expr.is_none())
            .map(|d| ScopeColumn {
                qualifier: None,
                name: d.def.name.clone(),
                ty: d.def.ty.clone(),
                rowtime: false,
                proctime: false,
            })
            .collect(),
    };
    let mut proctime = Vec::new();
    for draft in drafts {
        let is_proctime = draft.expr.as_ref().is_some_and(bind::is_proctime);
        if let Some(expr) = &draft.expr {
            let bound = bind::expr(expr, &scope, ctx).map_err(|e| draft.position.locate(e))?;
            if bound.ty.data == DataType::Null {
                return Err(draft
                    .position
                    .error(format!("the type of computed column '{}' is not known", draft.def.name))
                    .fix("CAST the NULL"));
            }
            draft.def.ty = bound.ty;
        }
        proctime.push(is_proctime);
    }
    Ok(proctime)
}

fn primary_key(
    name: &str,
    syntax: &CreateTable,
    base: Option<(&Like, &Table)>,
    action: &impl Fn(LikeFeature) -> LikeAction,
    drafts: &mut [Draft],
) -> Result<Vec<String>> {
    let inherited = base
        .filter(|_| action(LikeFeature::Constraints) != LikeAction::Excluding)
        .map(|(_, t)| t.def.primary_key.clone());
    let key = match (&syntax.primary_key, inherited) {
        (Some(_), Some(old)) if !old.is_empty() => {
            return Err(syntax
                .name
                .position
                .error(format!("table '{name}' has a primary key and takes another by LIKE"))
                .fix("add EXCLUDING CONSTRAINTS"));
        }
        (None, old) => return Ok(old.unwrap_or_default()),
        (Some(key), _) => key,
    };
    let mut names = Vec::new();
    for ident in key {
        let at = Position::of(ident.span);
        let Some(draft) = drafts.iter_mut().find(|d| d.def.name == ident.value) else {
            return Err(at
                .error(format!("primary key column '{}' is not a column of table '{name}'", ident.value))
                .fix("declare it"));
        };
        if draft.def.kind != ColumnKind::Physical {
            return Err(at
                .error(format!("primary key column '{}' is not a physical column", ident.value))
                .fix("choose physical columns"));
        }
        if names.contains(&ident.value) {
            return Err(at.error(format!("column '{}' stands twice in the primary key", ident.value)).fix("keep one"));
        }
        draft.def.ty.nullable = false;
        names.push(ident.value.clone());
    }
    Ok(names)
}

fn watermark(
    syntax: &CreateTable,
    base: Option<(&Like, &Table)>,
    action: &impl Fn(LikeFeature) -> LikeAction,
    drafts: &mut [Draft],
    ctx: &ExprContext<'_>,
) -> Result<Option<(usize, Expr)>> {
    let inherited = base.filter(|_| action(LikeFeature::Watermarks) != LikeAction::Excluding).and_then(|(_, t)| {
        t.watermark.as_ref().and_then(|(i, e)| t.def.columns.get(*i).map(|c| (c.name.clone(), e.clone())))
    });
    let (column, expr, at) = match (&syntax.watermark, inherited) {
        (Some(w), Some(_)) if action(LikeFeature::Watermarks) == LikeAction::Including => {
            return Err(Position::of(w.column.span)
                .error("the table has a watermark and takes another by LIKE")
                .fix("add OVERWRITING WATERMARKS or EXCLUDING WATERMARKS"));
        }
        (Some(w), _) => (w.column.value.clone(), w.expr.clone(), Position::of(w.column.span)),
        (None, Some((column, expr))) => (column, expr, syntax.name.position),
        (None, None) => return Ok(None),
    };
    let Some(index) = drafts.iter().position(|d| d.def.name == column) else {
        let near = nearest(&column, drafts.iter().map(|d| d.def.name.as_str()))
            .map_or(String::new(), |n| format!("; did you mean '{n}'?"));
        return Err(at
            .error(format!("the watermark's column '{column}' is not a column of the table{near}"))
            .fix("declare it"));
    };
    let types: Vec<ScopeColumn> = drafts
        .iter()
        .map(|d| ScopeColumn {
            qualifier: None,
            name: d.def.name.clone(),
            ty: d.def.ty.clone(),
            rowtime: false,
            proctime: false,
        })
        .collect();
    if let Some(draft) = drafts.get(index) {
        if !time_attribute(&draft.def.ty.data) {
            return Err(at
                .error(format!(
                    "Invalid data type of time field for watermark definition. The field must be of type TIMESTAMP(p) or \
                     TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to 3, but the time field type is {}",
                    draft.def.ty.data
                ))
                .fix(format!("declare '{column}' as TIMESTAMP(3) or TIMESTAMP_LTZ(3)")));
        }
        let bound = bind::expr(&expr, &Scope { columns: types }, ctx).map_err(|e| at.locate(e))?;
        if !time_attribute(&bound.ty.data) {
            return Err(at
                .error(format!(
                    "Invalid data type of expression for watermark definition. The field must be of type TIMESTAMP(p) or \
                     TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to 3, but the watermark expression type is {}",
                    bound.ty.data
                ))
                .fix("write it as the column minus an interval"));
        }
    }
    Ok(Some((index, expr)))
}

fn time_attribute(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(p) | DataType::TimestampLtz(p) if *p <= 3)
}

fn properties(
    name: &str,
    syntax: &CreateTable,
    base: Option<(&Like, &Table)>,
    action: &impl Fn(LikeFeature) -> LikeAction,
    drafts: &[Draft],
    position: Position,
) -> Result<(Vec<String>, BTreeMap<String, String>)> {
    let mut partitions: Vec<String> = Vec::new();
    for ident in &syntax.partition_keys {
        if !drafts.iter().any(|d| d.def.name == ident.value) {
            return Err(Position::of(ident.span)
                .error(format!("partition column '{}' is not a column of table '{name}'", ident.value))
                .fix("declare it"));
        }
        partitions.push(ident.value.clone());
    }
    let mut options = BTreeMap::new();
    if let Some((_, from)) = base {
        if action(LikeFeature::Partitions) != LikeAction::Excluding && partitions.is_empty() {
            partitions.clone_from(&from.def.partition_keys);
        }
        if action(LikeFeature::Options) != LikeAction::Excluding {
            options.clone_from(&from.def.options.0);
        }
    }
    for (key, value) in &syntax.options {
        if options.insert(key.clone(), value.clone()).is_some() && action(LikeFeature::Options) == LikeAction::Including
        {
            return Err(position
                .error(format!("option '{key}' is given and taken by LIKE"))
                .fix("add OVERWRITING OPTIONS"));
        }
    }
    Ok((partitions, options))
}
