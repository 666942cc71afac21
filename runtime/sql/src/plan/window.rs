//! Window table functions: TUMBLE, HOP and CUMULATE over a time attribute, and
//! the older group windows of the same names.

use super::query::{Names, Planner};
use super::{Node, PlanColumn, Rel, WindowColumns, bind};
use crate::expr::{BoundExpr, Scope};
use crate::parser::dialect::TABLE_ARGUMENT;
use crate::parser::refused;
use crate::position::Position;
use datafusion_common::ScalarValue;
use datafusion_expr::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query};
use datafusion_physical_expr::expressions::Literal;
use std::fmt;
use streamjob_core::{DataType, Error, LogicalType, Result};
use streamjob_engine::operators::{WindowKind, WindowSpec};

/// Windows over a time attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Which windows.
    pub kind: WindowKind,
    /// Shift of all windows in milliseconds.
    pub offset_ms: i64,
    /// True when the time attribute is a TIMESTAMP_LTZ: windows then follow the local time zone.
    pub local: bool,
}

impl Window {
    /// As the engine takes it.
    pub fn spec(&self) -> WindowSpec {
        WindowSpec { kind: self.kind, offset: self.offset_ms }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            WindowKind::Tumble { size } => write!(f, "TUMBLE(size=[{}]", Millis(size))?,
            WindowKind::Hop { slide, size } => write!(f, "HOP(size=[{}], slide=[{}]", Millis(size), Millis(slide))?,
            WindowKind::Cumulate { step, size } => {
                write!(f, "CUMULATE(max_size=[{}], step=[{}]", Millis(size), Millis(step))?
            }
        }
        if self.offset_ms != 0 {
            write!(f, ", offset=[{}]", Millis(self.offset_ms))?;
        }
        f.write_str(")")
    }
}

/// A length of time for people.
struct Millis(i64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")] {
            if ms != 0 && ms % unit == 0 {
                return write!(f, "{} {name}", ms / unit);
            }
        }
        write!(f, "{ms} ms")
    }
}

/// Names of the parameters behind the table and its time attribute, optional ones last.
fn parameters(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "TUMBLE" => Some(&["SIZE", "OFFSET"]),
        "HOP" => Some(&["SLIDE", "SIZE", "OFFSET"]),
        "CUMULATE" => Some(&["STEP", "SIZE", "OFFSET"]),
        _ => None,
    }
}

/// Plans a window table function. `args` are as written.
pub fn table_function(
    planner: &Planner<'_>,
    name: &str,
    args: &[FunctionArg],
    position: Position,
    names: &Names,
) -> Result<Rel> {
    let upper = name.to_ascii_uppercase();
    if upper == "SESSION" {
        return Err(refused(position, "a SESSION window", "use TUMBLE, HOP or CUMULATE"));
    }
    let Some(wanted) = parameters(&upper) else {
        return Err(refused(position, &format!("table function {name}"), "use TUMBLE, HOP or CUMULATE"));
    };
    let all: Vec<&str> = ["DATA", "TIMECOL"].into_iter().chain(wanted.iter().copied()).collect();
    let mut given: Vec<Option<&Expr>> = vec![None; all.len()];
    for (i, arg) in args.iter().enumerate() {
        let (slot, value) = match arg {
            FunctionArg::Unnamed(e) => (i, e),
            FunctionArg::Named { name: n, arg, .. } => {
                let known = all.iter().position(|p| n.value.eq_ignore_ascii_case(p));
                let slot = known.ok_or_else(|| {
                    Position::of(n.span)
                        .error(format!("{upper} has no parameter {}", n.value))
                        .fix(format!("its parameters are {}", all.join(", ")))
                })?;
                (slot, arg)
            }
            FunctionArg::ExprNamed { .. } => {
                return Err(position.error(format!("syntax error in the arguments of {upper}")));
            }
        };
        let FunctionArgExpr::Expr(value) = value else {
            return Err(position.error(format!("syntax error: unexpected * in the arguments of {upper}")));
        };
        match given.get_mut(slot) {
            Some(place) if place.is_none() => *place = Some(value),
            _ => {
                return Err(Position::of_expr(value)
                    .error(format!("too many arguments for {upper}"))
                    .fix(format!("its parameters are {}", all.join(", "))));
            }
        }
    }
    let argument = |name: &str| all.iter().position(|p| *p == name).and_then(|i| given.get(i).copied().flatten());
    let required = |name: &str| {
        argument(name).ok_or_else(|| {
            position
                .error(format!("{upper} needs its {name} argument"))
                .fix(format!("write TABLE({upper}(TABLE t, DESCRIPTOR(ts), INTERVAL …))"))
        })
    };
    let input = data(planner, required("DATA")?, names, &upper)?;
    let time = time_column(required("TIMECOL")?, &input, &upper)?;
    let interval = |name: &str| interval_ms(planner, required(name)?, &upper, name);
    let offset_ms = match argument("OFFSET") {
        Some(e) => interval_ms(planner, e, &upper, "OFFSET")?,
        None => 0,
    };
    let kind = match upper.as_str() {
        "TUMBLE" => WindowKind::Tumble { size: interval("SIZE")? },
        "HOP" => WindowKind::Hop { slide: interval("SLIDE")?, size: interval("SIZE")? },
        _ => WindowKind::Cumulate { step: interval("STEP")?, size: interval("SIZE")? },
    };
    check(kind, false, position)?;
    apply(input, time, kind, offset_ms)
}

/// Adds the window columns to a relation. Both the old time attribute and window_time are event time.
pub fn apply(input: Rel, time: usize, kind: WindowKind, offset_ms: i64) -> Result<Rel> {
    let time_type = input.columns.get(time).map(|c| c.ty.data.clone()).unwrap_or(DataType::Timestamp(3));
    let window = Window { kind, offset_ms, local: matches!(time_type, DataType::TimestampLtz(_)) };
    let mut columns = input.columns.clone();
    let start = columns.len();
    columns.extend(window_columns(&window));
    Ok(Rel {
        window: Some(WindowColumns {
            window: window.clone(),
            start: Some(start),
            end: Some(start + 1),
            time: Some(start + 2),
        }),
        node: Node::WindowTvf { input: Box::new(input), window, time },
        columns,
        shared: None,
    })
}

/// `window_start`, `window_end` and `window_time`.
pub fn window_columns(window: &Window) -> [PlanColumn; 3] {
    let column = |name: &str, data: DataType, rowtime| PlanColumn {
        name: name.to_string(),
        ty: LogicalType::not_null(data),
        rowtime,
        proctime: false,
    };
    let time = if window.local { DataType::TimestampLtz(3) } else { DataType::Timestamp(3) };
    [
        column("window_start", DataType::Timestamp(3), false),
        column("window_end", DataType::Timestamp(3), false),
        column("window_time", time, true),
    ]
}

/// An aggregation needs sizes that are multiples, a table function alone only for CUMULATE.
pub fn check(kind: WindowKind, aggregated: bool, position: Position) -> Result<()> {
    let spec = WindowSpec::new(kind);
    spec.validate(aggregated).map_err(|e| position.locate(e))
}

/// `TABLE t`, `TABLE (SELECT …)` or `(SELECT …)`.
fn data(planner: &Planner<'_>, expr: &Expr, names: &Names, function: &str) -> Result<Rel> {
    let query = |q: &Query| planner.query(q, names);
    match expr {
        Expr::Subquery(q) => query(q),
        Expr::Function(f) if bind::function_name(f) == TABLE_ARGUMENT => match single_argument(f) {
            Some(Expr::Subquery(q)) => query(q),
            Some(Expr::CompoundIdentifier(path)) => {
                let at = path.first().map_or(Position::default(), |i| Position::of(i.span));
                planner.table(&path.iter().map(|i| i.value.clone()).collect::<Vec<_>>(), at, names)
            }
            None => Err(refused(
                Position::of_expr(expr),
                &format!("PARTITION BY in {function}"),
                "leave it out, and add the keys to GROUP BY",
            )),
            _ => Err(Position::of_expr(expr).error(format!("{function} needs a table behind TABLE"))),
        },
        other => Err(Position::of_expr(other)
            .error(format!("the first argument of {function} is a table"))
            .fix(format!("write TABLE {other}"))),
    }
}

/// `DESCRIPTOR(ts)`: the position of the time attribute.
fn time_column(expr: &Expr, input: &Rel, function: &str) -> Result<usize> {
    let at = Position::of_expr(expr);
    let column = match expr {
        Expr::Function(f) if bind::function_name(f) == "DESCRIPTOR" => single_argument(f).and_then(bind::path),
        _ => None,
    };
    let Some([column]) = column.as_deref() else {
        return Err(at
            .error(format!("{function} needs DESCRIPTOR(column) with one column as its time attribute"))
            .fix("write DESCRIPTOR(ts)"));
    };
    time_attribute(&column.value, at, input, function)
}

fn time_attribute(name: &str, at: Position, input: &Rel, function: &str) -> Result<usize> {
    let Some(index) = input.columns.iter().position(|c| c.name == name) else {
        let near = streamjob_core::options::nearest(name, input.names());
        let error = at.error(format!("column '{name}' not found in the table of {function}"));
        return Err(near.map_or(error, |n| {
            at.error(format!("column '{name}' not found in the table of {function}"))
                .fix(format!("did you mean '{n}'?"))
        }));
    };
    let column = input.columns.get(index);
    if column.is_some_and(|c| c.proctime) {
        return Err(refused(
            at,
            "a window on processing time (PROCTIME())",
            "declare a WATERMARK on an event-time column and use that",
        ));
    }
    if !column.is_some_and(|c| c.rowtime) {
        let ty = column.map_or(String::new(), |c| c.ty.data.to_string());
        return Err(at
            .error(format!("The window function requires the timecol is a time attribute type, but is {ty}"))
            .fix(format!("declare WATERMARK FOR {name} in its table, and keep the column unchanged")));
    }
    Ok(index)
}

fn single_argument(f: &Function) -> Option<&Expr> {
    match arguments(f).as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

fn arguments(f: &Function) -> Vec<&Expr> {
    match &f.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .filter_map(|a| match a {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A constant interval of days to seconds.
fn interval_ms(planner: &Planner<'_>, expr: &Expr, function: &str, name: &str) -> Result<i64> {
    let at = Position::of_expr(expr);
    let bound: BoundExpr = bind::expr(expr, &Scope { columns: Vec::new() }, &planner.ctx)?;
    match bound.expr.downcast_ref::<Literal>().map(Literal::value) {
        Some(ScalarValue::DurationMillisecond(Some(ms))) => Ok(*ms),
        _ => Err(at
            .error(format!("{name} of {function} must be an interval of days, hours, minutes or seconds that is constant, found {expr}"))
            .fix("write INTERVAL '1' HOUR")),
    }
}

/// Qualifier of the columns that a group window adds to the scope.
pub const GROUP_WINDOW: &str = "$group_window";

/// The older form: `GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)`. `None` for other expressions.
pub fn group_window(planner: &Planner<'_>, expr: &Expr, input: &Rel) -> Result<Option<(usize, WindowKind, i64)>> {
    let Expr::Function(f) = expr else { return Ok(None) };
    let name = bind::function_name(f);
    if name == "SESSION" {
        return Err(refused(Position::of_expr(expr), "a SESSION window", "use TUMBLE, HOP or CUMULATE"));
    }
    if name != "TUMBLE" && name != "HOP" {
        return Ok(None);
    }
    let at = Position::of_expr(expr);
    let args = arguments(f);
    let time = match args.first().and_then(|e| bind::path(e)).as_deref() {
        Some([column]) | Some([_, column]) => time_attribute(&column.value, at, input, &name)?,
        _ => return Err(at.error(format!("{name} needs a time attribute as its first argument"))),
    };
    let interval = |i: usize, what: &str| match args.get(i) {
        Some(e) => interval_ms(planner, e, &name, what),
        None => Err(at.error(format!("{name} needs its {what} argument"))),
    };
    let (kind, offset) = if name == "TUMBLE" {
        (WindowKind::Tumble { size: interval(1, "SIZE")? }, args.get(2).map(|_| interval(2, "OFFSET")))
    } else {
        (
            WindowKind::Hop { slide: interval(1, "SLIDE")?, size: interval(2, "SIZE")? },
            args.get(3).map(|_| interval(3, "OFFSET")),
        )
    };
    check(kind, true, at)?;
    Ok(Some((time, kind, offset.transpose()?.unwrap_or(0))))
}

/// `TUMBLE_START(…)` must have the arguments of the window that is grouped by; both are canonical texts.
pub fn check_property(property: &str, window: &str) -> Result<()> {
    let (name, args) = property.split_once('(').unwrap_or((property, ""));
    let (kind, wanted) = window.split_once('(').unwrap_or((window, ""));
    if args == wanted && name.split_once('_').is_some_and(|(k, _)| k == kind) {
        return Ok(());
    }
    Err(Error::user(format!(
        "Call to auxiliary group function '{name}' must have matching call to group function '{kind}' in GROUP BY clause"
    ))
    .fix("give it the arguments of the window in GROUP BY"))
}

/// `TUMBLE_START(…)` and its like: the window column that it stands for.
pub fn group_window_property(f: &Function) -> Option<Result<Expr>> {
    let name = bind::function_name(f);
    let (kind, property) = name.split_once('_')?;
    if !matches!(kind, "TUMBLE" | "HOP" | "SESSION") {
        return None;
    }
    let column = match property {
        "START" => "window_start",
        "END" => "window_end",
        "ROWTIME" => "window_time",
        "PROCTIME" => {
            let at = f
                .name
                .0
                .first()
                .map_or(Position::default(), |p| Position::of(datafusion_expr::sqlparser::ast::Spanned::span(p)));
            return Some(Err(refused(at, &name, "use the event-time form, *_ROWTIME")));
        }
        _ => return None,
    };
    Some(Ok(Expr::CompoundIdentifier(vec![Ident::new(GROUP_WINDOW), Ident::new(column)])))
}
