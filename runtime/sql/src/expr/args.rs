//! Arguments of a kernel: columns, or constants that count for every row, with
//! typed views that hide the difference.

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray,
    Float32Array, Float64Array, Int32Array, Int64Array, IntervalYearMonthArray, StringArray, Time32MillisecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use streamjob_core::{Error, Result};

/// One argument.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The values: one a row, or a single one for all rows.
    pub array: ArrayRef,
    /// True for a single value.
    pub constant: bool,
}

/// The arguments of one evaluation.
#[derive(Debug)]
pub struct Args {
    /// In order.
    pub args: Vec<Arg>,
    /// Rows of the result.
    pub rows: usize,
}

impl Arg {
    /// One value a row.
    pub fn column(array: ArrayRef) -> Self {
        Self { array, constant: false }
    }

    /// One value for all rows.
    pub fn constant(array: ArrayRef) -> Self {
        Self { array, constant: true }
    }

    /// Index of a row's value in the array.
    pub fn index(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// True when the row's value is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.array.data_type() == &ArrowType::Null || self.array.is_null(self.index(row))
    }

    /// The argument as an array with `rows` rows.
    pub fn expand(&self, rows: usize) -> Result<ArrayRef> {
        if !self.constant {
            return Ok(self.array.clone());
        }
        let indices = Int32Array::from(vec![0; rows]);
        Ok(arrow::compute::take(self.array.as_ref(), &indices, None)?)
    }
}

/// A typed view of an argument.
pub struct View<'a, A> {
    array: &'a A,
    constant: bool,
}

impl<'a, A> View<'a, A>
where
    &'a A: ArrayAccessor,
{
    /// The value of a row, `None` for NULL.
    pub fn get(&self, row: usize) -> Option<<&'a A as ArrayAccessor>::Item> {
        let index = if self.constant { 0 } else { row };
        if self.array.is_null(index) { None } else { Some(self.array.value(index)) }
    }
}

impl Args {
    /// Argument `i`.
    pub fn arg(&self, i: usize) -> Result<&Arg> {
        self.args.get(i).ok_or_else(|| Error::internal(format!("a function has no argument {}", i + 1)))
    }

    /// True when there is an argument `i`.
    pub fn has(&self, i: usize) -> bool {
        i < self.args.len()
    }

    fn view<A: Array + 'static>(&self, i: usize) -> Result<View<'_, A>> {
        let arg = self.arg(i)?;
        let array = arg.array.as_any().downcast_ref::<A>().ok_or_else(|| {
            Error::internal(format!("argument {} of a function is carried as {}", i + 1, arg.array.data_type()))
        })?;
        Ok(View { array, constant: arg.constant })
    }

    /// Argument `i` as text.
    pub fn str(&self, i: usize) -> Result<View<'_, StringArray>> {
        self.view(i)
    }

    /// Argument `i` as bytes.
    pub fn bytes(&self, i: usize) -> Result<View<'_, BinaryArray>> {
        self.view(i)
    }

    /// Argument `i` as BOOLEAN.
    pub fn bool(&self, i: usize) -> Result<View<'_, BooleanArray>> {
        self.view(i)
    }

    /// Argument `i` as INT.
    pub fn int(&self, i: usize) -> Result<View<'_, Int32Array>> {
        self.view(i)
    }

    /// Argument `i` as BIGINT.
    pub fn long(&self, i: usize) -> Result<View<'_, Int64Array>> {
        self.view(i)
    }

    /// Argument `i` as DOUBLE.
    pub fn double(&self, i: usize) -> Result<View<'_, Float64Array>> {
        self.view(i)
    }

    /// Argument `i` as FLOAT.
    pub fn float(&self, i: usize) -> Result<View<'_, Float32Array>> {
        self.view(i)
    }

    /// Argument `i` as the unscaled value of a DECIMAL.
    pub fn decimal(&self, i: usize) -> Result<View<'_, Decimal128Array>> {
        self.view(i)
    }

    /// Argument `i` as DATE.
    pub fn date(&self, i: usize) -> Result<View<'_, Date32Array>> {
        self.view(i)
    }

    /// Argument `i` as TIME, in milliseconds.
    pub fn time(&self, i: usize) -> Result<View<'_, Time32MillisecondArray>> {
        self.view(i)
    }

    /// Argument `i` as INTERVAL YEAR TO MONTH, in months.
    pub fn months(&self, i: usize) -> Result<View<'_, IntervalYearMonthArray>> {
        self.view(i)
    }

    /// Argument `i` as INTERVAL DAY TO SECOND, in milliseconds.
    pub fn millis(&self, i: usize) -> Result<View<'_, DurationMillisecondArray>> {
        self.view(i)
    }

    /// Argument `i` as a TIMESTAMP or TIMESTAMP_LTZ of any unit.
    pub fn timestamp(&self, i: usize) -> Result<Timestamps<'_>> {
        let arg = self.arg(i)?;
        Timestamps::new(arg.array.as_ref(), arg.constant)
    }
}

/// A moment: seconds since the epoch and nanoseconds of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since the epoch, rounded down.
    pub seconds: i64,
    /// Nanoseconds of the second.
    pub nanos: u32,
}

impl Moment {
    /// From milliseconds since the epoch.
    pub fn from_millis(ms: i64) -> Self {
        Self { seconds: ms.div_euclid(1000), nanos: (ms.rem_euclid(1000) * 1_000_000) as u32 }
    }

    /// Milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.seconds.wrapping_mul(1000).wrapping_add(i64::from(self.nanos / 1_000_000))
    }

    /// Nanoseconds below the millisecond.
    pub fn sub_millis(self) -> u32 {
        self.nanos % 1_000_000
    }

    /// The same fraction at other seconds.
    #[must_use]
    pub fn at(self, seconds: i64) -> Self {
        Self { seconds, nanos: self.nanos }
    }

    /// From milliseconds and the nanoseconds below them.
    pub fn from_parts(ms: i64, sub_millis: u32) -> Self {
        let mut moment = Self::from_millis(ms);
        moment.nanos += sub_millis;
        moment
    }
}

/// Values of a timestamp column.
pub struct Timestamps<'a> {
    array: &'a dyn Array,
    values: &'a [i64],
    per_second: i64,
    constant: bool,
}

impl<'a> Timestamps<'a> {
    /// A view of a timestamp array of any unit.
    pub fn new(array: &'a dyn Array, constant: bool) -> Result<Self> {
        let any = array.as_any();
        let (values, per_second): (Option<&[i64]>, i64) = match array.data_type() {
            ArrowType::Timestamp(TimeUnit::Millisecond, _) => {
                (any.downcast_ref::<TimestampMillisecondArray>().map(|a| &a.values()[..]), 1000)
            }
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                (any.downcast_ref::<TimestampMicrosecondArray>().map(|a| &a.values()[..]), 1_000_000)
            }
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => {
                (any.downcast_ref::<TimestampNanosecondArray>().map(|a| &a.values()[..]), 1_000_000_000)
            }
            _ => (None, 1),
        };
        let values =
            values.ok_or_else(|| Error::internal(format!("a timestamp is carried as {}", array.data_type())))?;
        Ok(Self { array, values, per_second, constant })
    }

    /// The moment of a row, `None` for NULL.
    pub fn get(&self, row: usize) -> Option<Moment> {
        let index = if self.constant { 0 } else { row };
        if self.array.is_null(index) {
            return None;
        }
        let value = *self.values.get(index)?;
        let nanos = value.rem_euclid(self.per_second) * (1_000_000_000 / self.per_second);
        Some(Moment { seconds: value.div_euclid(self.per_second), nanos: nanos as u32 })
    }
}
