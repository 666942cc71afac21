//! One call of a function while it is bound: typed access to its arguments and
//! the making of its result.

use super::super::args::Args;
use super::super::call::{Behaviour, Kernel, call};
use super::super::cast::{CastMode, cast_to};
use super::super::env::Env;
use super::super::{BoundExpr, literal};
use arrow::array::ArrayRef;
use datafusion_common::ScalarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Literal;
use std::sync::Arc;
use streamjob_core::{DataType, Error, LogicalType, Result};

/// Start of the message of an argument that has the wrong type; replaced by one that names the call.
pub(super) const MISMATCH: &str = "\u{1}mismatch";

/// A function that SQL can call.
pub struct FunctionDef {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// How it is written.
    pub signature: &'static str,
    /// What it gives, for the docs.
    pub doc: &'static str,
    /// Least number of arguments.
    pub least: usize,
    /// Largest number of arguments.
    pub most: usize,
    /// Types it and builds its kernel.
    pub bind: fn(Site) -> Result<BoundExpr>,
}

/// A table row.
pub(super) const fn def(
    name: &'static str,
    signature: &'static str,
    (least, most): (usize, usize),
    doc: &'static str,
    bind: fn(Site) -> Result<BoundExpr>,
) -> FunctionDef {
    FunctionDef { name, aliases: &[], signature, doc, least, most, bind }
}

/// A table row with further names.
pub(super) const fn alias(
    name: &'static str,
    aliases: &'static [&'static str],
    signature: &'static str,
    (least, most): (usize, usize),
    doc: &'static str,
    bind: fn(Site) -> Result<BoundExpr>,
) -> FunctionDef {
    FunctionDef { name, aliases, signature, doc, least, most, bind }
}

/// A call being bound.
#[derive(Debug, Clone)]
pub struct Site {
    /// The function's name as called, in upper case.
    pub name: String,
    args: Vec<BoundExpr>,
    env: Env,
}

impl Site {
    /// A call of `name`.
    pub fn new(name: &str, args: Vec<BoundExpr>, env: &Env) -> Self {
        Self { name: name.to_string(), args, env: *env }
    }

    /// Time zone and clock.
    pub fn env(&self) -> Env {
        self.env
    }

    /// Number of arguments.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// The arguments' types, as messages show them.
    pub fn types(&self) -> String {
        super::types(&self.args)
    }

    /// All arguments.
    pub fn into_args(self) -> Vec<BoundExpr> {
        self.args
    }

    /// Argument `i` as it is.
    pub fn arg(&self, i: usize) -> Result<&BoundExpr> {
        self.args.get(i).ok_or_else(|| Error::internal(format!("{} has no argument {}", self.name, i + 1)))
    }

    /// Type of argument `i`.
    pub fn ty(&self, i: usize) -> Result<&LogicalType> {
        Ok(&self.arg(i)?.ty)
    }

    /// The error of an argument that has the wrong type.
    pub fn mismatch(&self) -> Error {
        Error::user(MISMATCH)
    }

    /// Argument `i` cast to `data`, if `accepts` its type; NULL is accepted always.
    pub fn coerce(
        &self,
        i: usize,
        data: DataType,
        accepts: impl Fn(&DataType) -> bool,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let arg = self.arg(i)?;
        if arg.ty.data != DataType::Null && !accepts(&arg.ty.data) {
            return Err(self.mismatch());
        }
        Ok(cast_to(arg.clone(), &LogicalType::new(data), CastMode::Explicit, &self.env)?.expr)
    }

    /// Argument `i`, a text.
    pub fn str(&self, i: usize) -> Result<Arc<dyn PhysicalExpr>> {
        let arg = self.arg(i)?;
        if arg.ty.data.is_string() {
            return Ok(Arc::clone(&arg.expr));
        }
        self.coerce(i, DataType::STRING, DataType::is_string)
    }

    /// Argument `i`, an integer, as INT.
    pub fn int(&self, i: usize) -> Result<Arc<dyn PhysicalExpr>> {
        self.coerce(i, DataType::Int, |t| matches!(t, DataType::TinyInt | DataType::SmallInt | DataType::Int))
    }

    /// Argument `i`, an integer, as BIGINT.
    pub fn long(&self, i: usize) -> Result<Arc<dyn PhysicalExpr>> {
        self.coerce(i, DataType::BigInt, DataType::is_integer)
    }

    /// Argument `i`, a number, as DOUBLE.
    pub fn double(&self, i: usize) -> Result<Arc<dyn PhysicalExpr>> {
        self.coerce(i, DataType::Double, DataType::is_numeric)
    }

    /// Argument `i`, a text or bytes, as bytes.
    pub fn bytes(&self, i: usize) -> Result<Arc<dyn PhysicalExpr>> {
        let bytes = |t: &DataType| matches!(t, DataType::Binary(_) | DataType::VarBinary(_));
        self.coerce(i, DataType::VarBinary(streamjob_core::types::MAX_LENGTH), |t| t.is_string() || bytes(t))
    }

    /// The value of argument `i` when it is a text literal.
    pub fn literal_str(&self, i: usize) -> Option<String> {
        match self.args.get(i)?.expr.downcast_ref::<Literal>()?.value() {
            ScalarValue::Utf8(value) => value.clone(),
            _ => None,
        }
    }

    /// The value of argument `i` when it is an integer literal.
    pub fn literal_int(&self, i: usize) -> Option<i32> {
        match self.args.get(i)?.expr.downcast_ref::<Literal>()?.value() {
            ScalarValue::Int32(value) => *value,
            ScalarValue::Int8(value) => value.map(i32::from),
            ScalarValue::Int16(value) => value.map(i32::from),
            _ => None,
        }
    }

    /// True when some argument can be NULL.
    pub fn nullable(&self) -> bool {
        self.args.iter().any(|a| a.ty.nullable)
    }

    /// `data`, nullable when some argument is.
    pub fn result(&self, data: DataType) -> LogicalType {
        LogicalType { data, nullable: self.nullable() }
    }

    /// The SQL text of the call.
    pub fn text(&self) -> String {
        format!("{}({})", self.name, self.args.iter().map(|a| a.text.as_str()).collect::<Vec<_>>().join(", "))
    }

    /// The bound call of a kernel that cannot fail.
    pub fn total(
        &self,
        ty: LogicalType,
        args: Vec<Arc<dyn PhysicalExpr>>,
        kernel: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> BoundExpr {
        self.build(ty, args, Behaviour::Total, Arc::new(kernel))
    }

    /// The bound call of a kernel that can fail.
    pub fn fallible(
        &self,
        ty: LogicalType,
        args: Vec<Arc<dyn PhysicalExpr>>,
        kernel: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> BoundExpr {
        self.build(ty, args, Behaviour::Fallible, Arc::new(kernel))
    }

    /// The bound call.
    pub fn build(
        &self,
        ty: LogicalType,
        args: Vec<Arc<dyn PhysicalExpr>>,
        behaviour: Behaviour,
        kernel: Kernel,
    ) -> BoundExpr {
        // Type, zone and literals are part of the name: two calls that differ in them only are different, also
        // where the kernel took them instead of an argument.
        let literals = self.args.iter().filter(|a| a.expr.downcast_ref::<Literal>().is_some());
        let literals: String = literals.map(|a| format!(" {}", a.text)).collect();
        let name = format!("{}:{}{literals}{}", self.name, ty.data, self.env.mark());
        BoundExpr { expr: call(name, args, &ty, behaviour, kernel), ty, text: self.text(), rowtime: false }
    }

    /// NULL of a type.
    pub fn null(&self, data: &DataType) -> Result<BoundExpr> {
        literal::null(data)
    }
}
