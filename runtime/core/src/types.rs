//! SQL types (Flink's) and the Arrow types that carry them.

use arrow::datatypes::{DataType as ArrowType, Field, Fields, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Length of STRING and BYTES.
pub const MAX_LENGTH: u32 = i32::MAX as u32;

/// A type with its nullability, which is part of the type in Flink's dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogicalType {
    /// The type.
    pub data: DataType,
    /// False for NOT NULL.
    pub nullable: bool,
}

/// A SQL type. Arrow carriers are given by [`DataType::arrow`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DataType {
    /// The type of a bare NULL.
    Null,
    /// BOOLEAN.
    Boolean,
    /// TINYINT, 1 byte.
    TinyInt,
    /// SMALLINT, 2 bytes.
    SmallInt,
    /// INT, 4 bytes.
    Int,
    /// BIGINT, 8 bytes.
    BigInt,
    /// FLOAT, 4 bytes.
    Float,
    /// DOUBLE, 8 bytes.
    Double,
    /// DECIMAL(precision, scale), precision 1 to 38.
    Decimal(u8, u8),
    /// CHAR(n).
    Char(u32),
    /// VARCHAR(n); STRING is VARCHAR(2147483647).
    VarChar(u32),
    /// BINARY(n).
    Binary(u32),
    /// VARBINARY(n); BYTES is VARBINARY(2147483647).
    VarBinary(u32),
    /// DATE.
    Date,
    /// TIME(p); carried with millisecond precision as in Flink.
    Time(u8),
    /// TIMESTAMP(p), p from 0 to 9, without time zone.
    Timestamp(u8),
    /// TIMESTAMP_LTZ(p), p from 0 to 9: an instant.
    TimestampLtz(u8),
    /// INTERVAL YEAR TO MONTH, in months.
    IntervalYearMonth,
    /// INTERVAL DAY TO SECOND, in milliseconds.
    IntervalDayTime,
    /// ARRAY<t>.
    Array(Box<LogicalType>),
    /// MAP<k, v>.
    Map(Box<LogicalType>, Box<LogicalType>),
    /// MULTISET<t>, carried as a map to its counts.
    Multiset(Box<LogicalType>),
    /// ROW<name type, …>.
    Row(Vec<Column>),
}

/// A named, typed column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Its name; case is significant.
    pub name: String,
    /// Its type.
    pub ty: LogicalType,
}

/// Columns of a table or stream, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Schema {
    /// The columns.
    pub columns: Vec<Column>,
}

impl LogicalType {
    /// A nullable type.
    pub fn new(data: DataType) -> Self {
        Self { data, nullable: true }
    }

    /// A NOT NULL type.
    pub fn not_null(data: DataType) -> Self {
        Self { data, nullable: false }
    }
}

impl DataType {
    /// STRING.
    pub const STRING: DataType = DataType::VarChar(MAX_LENGTH);

    /// The Arrow type that carries values of this type in a batch.
    pub fn arrow(&self) -> ArrowType {
        match self {
            DataType::Null => ArrowType::Null,
            DataType::Boolean => ArrowType::Boolean,
            DataType::TinyInt => ArrowType::Int8,
            DataType::SmallInt => ArrowType::Int16,
            DataType::Int => ArrowType::Int32,
            DataType::BigInt => ArrowType::Int64,
            DataType::Float => ArrowType::Float32,
            DataType::Double => ArrowType::Float64,
            DataType::Decimal(p, s) => ArrowType::Decimal128(*p, *s as i8),
            DataType::Char(_) | DataType::VarChar(_) => ArrowType::Utf8,
            DataType::Binary(_) | DataType::VarBinary(_) => ArrowType::Binary,
            DataType::Date => ArrowType::Date32,
            DataType::Time(_) => ArrowType::Time32(TimeUnit::Millisecond),
            DataType::Timestamp(p) => ArrowType::Timestamp(time_unit(*p), None),
            DataType::TimestampLtz(p) => ArrowType::Timestamp(time_unit(*p), Some(Arc::from("UTC"))),
            DataType::IntervalYearMonth => ArrowType::Interval(IntervalUnit::YearMonth),
            DataType::IntervalDayTime => ArrowType::Duration(TimeUnit::Millisecond),
            DataType::Array(t) => ArrowType::List(Arc::new(t.field("item"))),
            DataType::Map(k, v) => map_type(k.field("key"), v.field("value")),
            DataType::Multiset(t) => map_type(t.field("key"), LogicalType::not_null(DataType::Int).field("value")),
            DataType::Row(columns) => {
                ArrowType::Struct(columns.iter().map(|c| c.ty.field(&c.name)).collect::<Fields>())
            }
        }
    }

    /// True for the types of numbers.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || matches!(self, DataType::Float | DataType::Double | DataType::Decimal(..))
    }

    /// True for TINYINT to BIGINT.
    pub fn is_integer(&self) -> bool {
        matches!(self, DataType::TinyInt | DataType::SmallInt | DataType::Int | DataType::BigInt)
    }

    /// True for CHAR, VARCHAR and STRING.
    pub fn is_string(&self) -> bool {
        matches!(self, DataType::Char(_) | DataType::VarChar(_))
    }
}

/// Unit that carries a timestamp of precision `p`: milliseconds to 3, microseconds to 6, else nanoseconds.
pub fn time_unit(p: u8) -> TimeUnit {
    match p {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

fn map_type(key: Field, value: Field) -> ArrowType {
    let key = key.with_nullable(false);
    let entries = Field::new("entries", ArrowType::Struct(Fields::from(vec![key, value])), false);
    ArrowType::Map(Arc::new(entries), false)
}

impl LogicalType {
    /// The Arrow field. Inner nullability is kept; top-level fields are always
    /// nullable in Arrow, because NOT NULL is checked by sinks, not by batches.
    pub fn field(&self, name: &str) -> Field {
        Field::new(name, self.data.arrow(), true)
    }
}

impl Schema {
    /// From name and type pairs.
    pub fn new(columns: impl IntoIterator<Item = (String, LogicalType)>) -> Self {
        Self { columns: columns.into_iter().map(|(name, ty)| Column { name, ty }).collect() }
    }

    /// The Arrow schema of batches with these columns.
    pub fn arrow(&self) -> Arc<arrow::datatypes::Schema> {
        Arc::new(arrow::datatypes::Schema::new(self.columns.iter().map(|c| c.ty.field(&c.name)).collect::<Fields>()))
    }

    /// Position of a column by its exact name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.data, if self.nullable { "" } else { " NOT NULL" })
    }
}

impl fmt::Display for DataType {
    /// As Flink prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Null => f.write_str("NULL"),
            DataType::Boolean => f.write_str("BOOLEAN"),
            DataType::TinyInt => f.write_str("TINYINT"),
            DataType::SmallInt => f.write_str("SMALLINT"),
            DataType::Int => f.write_str("INT"),
            DataType::BigInt => f.write_str("BIGINT"),
            DataType::Float => f.write_str("FLOAT"),
            DataType::Double => f.write_str("DOUBLE"),
            DataType::Decimal(p, s) => write!(f, "DECIMAL({p}, {s})"),
            DataType::Char(n) => write!(f, "CHAR({n})"),
            DataType::VarChar(MAX_LENGTH) => f.write_str("STRING"),
            DataType::VarChar(n) => write!(f, "VARCHAR({n})"),
            DataType::Binary(n) => write!(f, "BINARY({n})"),
            DataType::VarBinary(MAX_LENGTH) => f.write_str("BYTES"),
            DataType::VarBinary(n) => write!(f, "VARBINARY({n})"),
            DataType::Date => f.write_str("DATE"),
            DataType::Time(p) => write!(f, "TIME({p})"),
            DataType::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            DataType::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            DataType::IntervalYearMonth => f.write_str("INTERVAL YEAR TO MONTH"),
            DataType::IntervalDayTime => f.write_str("INTERVAL DAY TO SECOND(3)"),
            DataType::Array(t) => write!(f, "ARRAY<{t}>"),
            DataType::Map(k, v) => write!(f, "MAP<{k}, {v}>"),
            DataType::Multiset(t) => write!(f, "MULTISET<{t}>"),
            DataType::Row(columns) => {
                f.write_str("ROW<")?;
                for (i, c) in columns.iter().enumerate() {
                    write!(f, "{}`{}` {}", if i > 0 { ", " } else { "" }, c.name, c.ty)?;
                }
                f.write_str(">")
            }
        }
    }
}
