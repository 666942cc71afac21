//! Names in expressions: columns, fields of rows, elements of arrays and maps.

use super::super::args::Args;
use super::super::call::{Behaviour, call, field_name};
use super::super::functions::{self};
use super::super::{BoundExpr, ScopeColumn};
use super::Binder;
use datafusion_expr::sqlparser::ast::{AccessExpr, Expr, Ident, Subscript, Value, ValueWithSpan};
use datafusion_physical_expr::expressions::Column;
use std::sync::Arc;
use streamjob_core::options::nearest;
use streamjob_core::{DataType, Error, LogicalType, Result};

impl Binder<'_> {
    pub(super) fn identifier(&self, ident: &Ident) -> Result<BoundExpr> {
        let found: Vec<(usize, &ScopeColumn)> = self.find(None, &ident.value);
        match found.as_slice() {
            [(index, column)] => Ok(self.column(*index, column)),
            [] => {
                let upper = ident.value.to_ascii_uppercase();
                if ident.quote_style.is_none() && functions::is_bare(&upper) {
                    return self.call(&upper, Vec::new());
                }
                Err(self.unknown(&ident.value))
            }
            _ => {
                Err(Error::user(format!("column '{}' is ambiguous", ident.value)).fix("put the table's name before it"))
            }
        }
    }

    fn find(&self, qualifier: Option<&str>, name: &str) -> Vec<(usize, &ScopeColumn)> {
        let fits = |c: &ScopeColumn| c.name == name && (qualifier.is_none() || c.qualifier.as_deref() == qualifier);
        self.scope.columns.iter().enumerate().filter(|(_, c)| fits(c)).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::user(format!("Column '{name}' not found in any table"));
        let names: Vec<&str> = self.scope.columns.iter().map(|c| c.name.as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => error.fix(format!("did you mean '{near}'?")),
            None if names.is_empty() => error.fix("there are no columns here: a text stands in 'single quotes'"),
            None => error.fix(format!("the columns here are {}", names.join(", "))),
        }
    }

    fn column(&self, index: usize, column: &ScopeColumn) -> BoundExpr {
        let text = match &column.qualifier {
            Some(q) => format!("`{q}`.`{}`", column.name),
            None => format!("`{}`", column.name),
        };
        if column.proctime {
            // A processing-time attribute has no stored value: reading it reads the clock.
            return BoundExpr { text, ..functions::proctime(&self.env) };
        }
        BoundExpr {
            expr: Arc::new(Column::new(&column.name, index)),
            ty: column.ty.clone(),
            text,
            rowtime: column.rowtime,
        }
    }

    /// `table.column.field…` or `column.field…`.
    pub(super) fn compound(&self, parts: &[Ident]) -> Result<BoundExpr> {
        for skipped in 0..parts.len().saturating_sub(1) {
            let (Some(table), Some(name)) = (parts.get(skipped), parts.get(skipped + 1)) else { continue };
            let found = self.find(Some(&table.value), &name.value);
            if found.len() > 1 {
                return Err(Error::user(format!("column '{}.{}' is ambiguous", table.value, name.value)));
            }
            if let Some((index, column)) = found.first() {
                return self.fields(self.column(*index, column), parts.get(skipped + 2..).unwrap_or_default());
            }
        }
        let Some((first, rest)) = parts.split_first() else { return Err(Error::internal("a name without parts")) };
        let found = self.find(None, &first.value);
        if let [(index, column)] = found.as_slice() {
            return self.fields(self.column(*index, column), rest);
        }
        let known_table = self.scope.columns.iter().any(|c| c.qualifier.as_deref() == Some(first.value.as_str()));
        match rest.first() {
            Some(name) if known_table => {
                let names = self.scope.columns.iter().filter(|c| c.qualifier.as_deref() == Some(&first.value));
                let error = Error::user(format!("Column '{}' not found in table '{}'", name.value, first.value));
                Err(match nearest(&name.value, names.map(|c| c.name.as_str())) {
                    Some(near) => error.fix(format!("did you mean '{near}'?")),
                    None => error,
                })
            }
            _ => Err(Error::user(format!("Table '{}' not found", first.value))),
        }
    }

    pub(super) fn fields(&self, mut bound: BoundExpr, names: &[Ident]) -> Result<BoundExpr> {
        for name in names {
            bound = field(bound, &name.value)?;
        }
        Ok(bound)
    }

    pub(super) fn access(&self, root: &Expr, chain: &[AccessExpr]) -> Result<BoundExpr> {
        let mut bound = self.bind(root)?;
        for step in chain {
            bound = match step {
                AccessExpr::Dot(Expr::Identifier(name)) => field(bound, &name.value)?,
                AccessExpr::Dot(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), .. })) => {
                    field(bound, name)?
                }
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let index = self.bind(index)?;
                    self.call("ITEM", vec![bound, index])?
                }
                other => return Err(Error::user(format!("access {other} is not supported"))),
            };
        }
        Ok(bound)
    }
}

/// `row.name`.
fn field(row: BoundExpr, name: &str) -> Result<BoundExpr> {
    let text = format!("{}.`{name}`", row.text);
    let DataType::Row(columns) = &row.ty.data else {
        return Err(Error::user(format!("{} is {}, which has no field '{name}'", row.text, row.ty.data)));
    };
    let Some(position) = columns.iter().position(|c| c.name == name) else {
        let error = Error::user(format!("{} has no field '{name}'", row.text));
        return Err(match nearest(name, columns.iter().map(|c| c.name.as_str())) {
            Some(near) => error.fix(format!("did you mean '{near}'?")),
            None => error,
        });
    };
    let inner = columns.get(position).map(|c| c.ty.clone()).ok_or_else(|| Error::internal("a field's type"))?;
    let ty = LogicalType { data: inner.data, nullable: inner.nullable || row.ty.nullable };
    let kernel = Arc::new(move |args: &Args| {
        use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
        let rows = args.arg(0)?.expand(args.rows)?;
        let rows = rows.as_struct();
        let column = rows.column(position);
        // A field of a NULL row is NULL. The values stay where they are.
        Ok(match rows.nulls() {
            None => ArrayRef::clone(column),
            Some(nulls) if column.nulls().is_some_and(|n| n.inner().ptr_eq(nulls.inner())) => ArrayRef::clone(column),
            Some(nulls) => arrow::compute::nullif(column, &BooleanArray::new(!nulls.inner(), None))?,
        })
    });
    let expr = call(field_name(position), vec![row.expr], &ty, Behaviour::Total, kernel);
    Ok(BoundExpr { expr, ty, text, rowtime: false })
}
