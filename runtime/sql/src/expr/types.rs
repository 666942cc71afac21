//! Flink's rules about types: the common type of several, what a sink takes
//! without a cast, result types of decimal arithmetic, and type text in CAST.

use crate::parser::dialect::TYPE_TEXT;
use crate::parser::types::parse_type_text;
use datafusion_expr::sqlparser::ast;
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{Column, DataType, LogicalType, Result};

/// The type that all of `types` fit, as for CASE, COALESCE, UNION and IN; `None` when there is none.
pub fn common_type(types: &[LogicalType]) -> Option<LogicalType> {
    let nullable = types.iter().any(|t| t.nullable || t.data == DataType::Null);
    let data = types.iter().map(|t| &t.data).filter(|d| **d != DataType::Null);
    let mut result: Option<DataType> = None;
    for next in data {
        result = Some(match result {
            None => next.clone(),
            Some(so_far) => common_data(&so_far, next)?,
        });
    }
    Some(LogicalType { data: result.unwrap_or(DataType::Null), nullable })
}

fn common_data(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Array, BigInt, Binary, Char, Decimal, Double, Float, Int, Map, Multiset, Row, SmallInt, Time, Timestamp,
        TimestampLtz, TinyInt, VarBinary, VarChar,
    };
    if a == b {
        return Some(a.clone());
    }
    Some(match (a, b) {
        (Char(x) | VarChar(x), Char(y) | VarChar(y)) => VarChar(*x.max(y)),
        (Binary(x) | VarBinary(x), Binary(y) | VarBinary(y)) => VarBinary(*x.max(y)),
        // The first of two approximate types wins, as in Calcite, where both have the same precision.
        (Float | Double, Float | Double) => a.clone(),
        (Decimal(..), Float | Double) | (Float | Double, Decimal(..)) => Double,
        (Float | Double, x) if x.is_integer() => a.clone(),
        (x, Float | Double) if x.is_integer() => b.clone(),
        (TinyInt | SmallInt | Int | BigInt, TinyInt | SmallInt | Int | BigInt) => {
            let rank = |t: &DataType| match t {
                TinyInt => 0,
                SmallInt => 1,
                Int => 2,
                _ => 3,
            };
            if rank(a) >= rank(b) { a.clone() } else { b.clone() }
        }
        (x, y) if x.is_numeric() && y.is_numeric() => {
            let ((p1, s1), (p2, s2)) = (as_decimal(x)?, as_decimal(y)?);
            let scale = s1.max(s2);
            let digits = (p1 - s1).max(p2 - s2);
            // Whole digits are kept before digits behind the point.
            let precision = (digits + scale).min(38);
            Decimal(precision, scale.min(38 - digits.min(38)))
        }
        (Time(x), Time(y)) => Time(*x.max(y)),
        (Timestamp(x), Timestamp(y)) => Timestamp(*x.max(y)),
        (TimestampLtz(x), TimestampLtz(y)) => TimestampLtz(*x.max(y)),
        (Timestamp(x), TimestampLtz(y)) | (TimestampLtz(x), Timestamp(y)) => TimestampLtz(*x.max(y)),
        (Array(x), Array(y)) => Array(Box::new(common_type(&[(**x).clone(), (**y).clone()])?)),
        (Multiset(x), Multiset(y)) => Multiset(Box::new(common_type(&[(**x).clone(), (**y).clone()])?)),
        (Map(k1, v1), Map(k2, v2)) => Map(
            Box::new(common_type(&[(**k1).clone(), (**k2).clone()])?),
            Box::new(common_type(&[(**v1).clone(), (**v2).clone()])?),
        ),
        (Row(x), Row(y)) if x.len() == y.len() => Row(x
            .iter()
            .zip(y)
            .map(|(c, d)| Some(Column { name: c.name.clone(), ty: common_type(&[c.ty.clone(), d.ty.clone()])? }))
            .collect::<Option<_>>()?),
        _ => return None,
    })
}

/// Precision and scale of an exact number seen as DECIMAL.
pub fn as_decimal(data: &DataType) -> Option<(u8, u8)> {
    Some(match data {
        DataType::TinyInt => (3, 0),
        DataType::SmallInt => (5, 0),
        DataType::Int => (10, 0),
        DataType::BigInt => (19, 0),
        DataType::Decimal(p, s) => (*p, *s),
        _ => return None,
    })
}

/// True when a sink takes a value of `from` in a column of `to` without an explicit CAST
/// (Flink's implicit casts). Nullability is not looked at: NOT NULL is enforced at run time.
pub fn implicitly_castable(from: &LogicalType, to: &LogicalType) -> bool {
    use DataType::{
        Array, BigInt, Binary, Char, Date, Decimal, Double, Float, Int, Map, Multiset, Null, Row, SmallInt, Time,
        Timestamp, TimestampLtz, TinyInt, VarBinary, VarChar,
    };
    match (&from.data, &to.data) {
        (Null, _) => true,
        (a, b) if a == b => true,
        (Char(_), Char(_)) | (Char(_) | VarChar(_), VarChar(_)) => true,
        (Binary(_), Binary(_)) | (Binary(_) | VarBinary(_), VarBinary(_)) => true,
        (x, Decimal(..) | Double) if x.is_numeric() => true,
        (TinyInt, SmallInt | Int | BigInt | Float) => true,
        (SmallInt, Int | BigInt | Float) => true,
        (Int, BigInt | Float) | (BigInt | Decimal(..), Float) => true,
        (Timestamp(_), Date | Time(_)) => true,
        (Time(_), Time(_)) => true,
        (Timestamp(_) | TimestampLtz(_), Timestamp(_) | TimestampLtz(_)) => true,
        (Array(x), Array(y)) | (Multiset(x), Multiset(y)) => implicitly_castable(x, y),
        (Map(k1, v1), Map(k2, v2)) => implicitly_castable(k1, k2) && implicitly_castable(v1, v2),
        (Row(x), Row(y)) => x.len() == y.len() && x.iter().zip(y).all(|(c, d)| implicitly_castable(&c.ty, &d.ty)),
        _ => false,
    }
}

/// The type that a CAST names.
pub fn parse_data_type(data_type: &ast::DataType) -> Result<LogicalType> {
    match data_type {
        // In expressions a length that is left out is the largest, unlike CHAR's 1.
        ast::DataType::Varchar(None) | ast::DataType::CharacterVarying(None) | ast::DataType::CharVarying(None) => {
            Ok(LogicalType::new(DataType::STRING))
        }
        ast::DataType::Varbinary(None) => Ok(LogicalType::new(DataType::VarBinary(MAX_LENGTH))),
        ast::DataType::Custom(name, parts) if name.to_string() == TYPE_TEXT => parse_type_text(&parts.concat()),
        other => parse_type_text(&other.to_string()),
    }
}

/// Cuts precision and scale down to 38 digits the way Flink does: whole digits
/// first, at least 6 digits behind the point if there were so many.
fn adjust(precision: u32, scale: u32) -> DataType {
    if precision <= 38 {
        return DataType::Decimal(precision as u8, scale as u8);
    }
    let digits = precision - scale;
    let least = scale.min(6);
    DataType::Decimal(38, 38u32.saturating_sub(digits).max(least) as u8)
}

/// Type of a sum or difference of decimals.
pub fn decimal_sum((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = u32::from(s1.max(s2));
    adjust(u32::from((p1 - s1).max(p2 - s2)) + scale + 1, scale)
}

/// Type of a product of decimals.
pub fn decimal_product((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    adjust(u32::from(p1) + u32::from(p2) + 1, u32::from(s1) + u32::from(s2))
}

/// Type of a quotient of decimals.
pub fn decimal_quotient((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = (u32::from(s1) + u32::from(p2) + 1).max(6);
    adjust(u32::from(p1) - u32::from(s1) + u32::from(s2) + scale, scale)
}

/// Type of a remainder of decimals.
pub fn decimal_remainder((p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> DataType {
    let scale = s1.max(s2);
    adjust(u32::from((p1 - s1).min(p2 - s2)) + u32::from(scale), u32::from(scale))
}

/// Type of a decimal rounded to `digits` behind the point.
pub fn decimal_rounded((p, s): (u8, u8), digits: i32) -> DataType {
    if digits >= i32::from(s) {
        return DataType::Decimal(p, s);
    }
    if digits < 0 {
        return DataType::Decimal((1 + p - s).min(38), 0);
    }
    DataType::Decimal((1 + p - s + digits as u8).min(38), digits as u8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn t(text: &str) -> LogicalType {
        parse_type_text(text).unwrap()
    }

    #[test]
    fn common_types() {
        for (types, expected) in [
            (&["INT", "BIGINT"][..], Some("BIGINT")),
            (&["INT NOT NULL", "SMALLINT NOT NULL"], Some("INT NOT NULL")),
            (&["INT NOT NULL", "DECIMAL(2, 1) NOT NULL"], Some("DECIMAL(11, 1) NOT NULL")),
            (&["INT", "DECIMAL(10, 2)"], Some("DECIMAL(12, 2)")),
            (&["DECIMAL(38, 10)", "DECIMAL(38, 0)"], Some("DECIMAL(38, 0)")),
            (&["DECIMAL(10, 2)", "DOUBLE"], Some("DOUBLE")),
            (&["FLOAT", "DOUBLE"], Some("FLOAT")),
            (&["DOUBLE", "FLOAT"], Some("DOUBLE")),
            (&["FLOAT", "INT"], Some("FLOAT")),
            (&["CHAR(1)", "CHAR(3)"], Some("VARCHAR(3)")),
            (&["CHAR(2)", "CHAR(2)"], Some("CHAR(2)")),
            (&["CHAR(2)", "STRING"], Some("STRING")),
            (&["TIMESTAMP(3)", "TIMESTAMP(6)"], Some("TIMESTAMP(6)")),
            (&["DATE", "TIMESTAMP(3)"], None),
            (&["ARRAY<INT>", "ARRAY<BIGINT>"], Some("ARRAY<BIGINT>")),
            (&["INT", "STRING"], None),
            (&["BOOLEAN", "INT"], None),
        ] {
            let types: Vec<_> = types.iter().map(|x| t(x)).collect();
            assert_eq!(common_type(&types).map(|x| x.to_string()).as_deref(), expected, "{types:?}");
        }
    }

    #[test]
    fn sink_casts() {
        for (from, to, ok) in [
            ("INT", "BIGINT", true),
            ("BIGINT", "INT", false),
            ("INT", "DECIMAL(10, 1)", true),
            ("DOUBLE", "DECIMAL(10, 1)", true),
            ("DOUBLE", "FLOAT", false),
            ("STRING", "VARCHAR(3)", true),
            ("STRING", "CHAR(3)", false),
            ("CHAR(3)", "STRING", true),
            ("INT", "STRING", false),
            ("STRING", "INT", false),
            ("TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", true),
            ("TIMESTAMP(3)", "DATE", true),
            ("DATE", "TIMESTAMP(3)", false),
            ("ROW<a INT>", "ROW<b BIGINT>", true),
            ("ROW<a INT, b INT>", "ROW<b BIGINT>", false),
        ] {
            assert_eq!(implicitly_castable(&t(from), &t(to)), ok, "{from} → {to}");
        }
    }

    #[test]
    fn decimal_results() {
        assert_eq!(decimal_sum((10, 2), (10, 2)), DataType::Decimal(11, 2));
        assert_eq!(decimal_product((10, 2), (10, 2)), DataType::Decimal(21, 4));
        assert_eq!(decimal_quotient((10, 0), (2, 1)), DataType::Decimal(17, 6));
        assert_eq!(decimal_quotient((10, 2), (10, 2)), DataType::Decimal(23, 13));
        assert_eq!(decimal_quotient((38, 10), (38, 10)), DataType::Decimal(38, 6));
        assert_eq!(decimal_remainder((10, 2), (10, 0)), DataType::Decimal(10, 2));
        assert_eq!(decimal_rounded((10, 2), 1), DataType::Decimal(10, 1));
        assert_eq!(decimal_rounded((10, 2), 0), DataType::Decimal(9, 0));
    }
}
