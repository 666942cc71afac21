//! The decimal digits that Java up to 18 shows of a floating point number. They
//! are at times more than the fewest that read back to the same number
//! (2e23 is `1.9999999999999998E23`), so what Flink writes on Java 17 can only be
//! met by generating digits with the same margins and stops.

use std::cmp::Ordering;

/// Bits of a DOUBLE's fraction.
const FRACTION_BITS: i32 = 52;

/// A positive finite number as binary fraction: `fraction` × 2^(`exponent` − 52),
/// bit 52 of the fraction set, `precision` bits of which its type can tell apart.
#[derive(Debug, Clone, Copy)]
struct Binary {
    fraction: u64,
    exponent: i32,
    precision: i32,
}

/// Digits (1 to 9 first) and `point`: the value is 0.digits × 10^point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    /// ASCII digits.
    pub digits: String,
    /// Place of the point.
    pub point: i32,
}

/// Digits of a positive finite DOUBLE.
pub(super) fn of_double(value: f64) -> Decimal {
    let bits = value.to_bits();
    let precision = if value.is_subnormal() { (64 - bits.leading_zeros()) as i32 } else { FRACTION_BITS + 1 };
    generate(split(value, precision))
}

/// Digits of a positive finite FLOAT.
pub(super) fn of_float(value: f32) -> Decimal {
    let bits = value.to_bits();
    let precision = if value.is_subnormal() { (32 - bits.leading_zeros()) as i32 } else { 24 };
    generate(split(f64::from(value), precision))
}

fn split(value: f64, precision: i32) -> Binary {
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let biased = (bits >> FRACTION_BITS) as i32;
    if biased == 0 {
        let shift = fraction.leading_zeros() as i32 - (63 - FRACTION_BITS);
        return Binary { fraction: fraction << shift, exponent: -1022 - shift, precision };
    }
    Binary { fraction: fraction | 1 << FRACTION_BITS, exponent: biased - 1023, precision }
}

fn generate(number: Binary) -> Decimal {
    let tail = number.fraction.trailing_zeros() as i32;
    let bits = FRACTION_BITS + 1 - tail;
    // Bits behind the binary point.
    let tiny = (bits - number.exponent - 1).max(0);
    if tiny == 0 && number.exponent < 63 {
        return whole(number);
    }
    let scaled = Scaled::new(number, tail, bits, tiny);
    match scaled.width() {
        Width::Int => digits_int(&scaled),
        Width::Long => digits_long(&scaled),
        Width::Big => digits_big(&scaled),
    }
}

/// Whole numbers of up to 63 bits: all their digits, but for those at the end
/// that the type cannot tell apart.
fn whole(number: Binary) -> Decimal {
    let shift = number.exponent - FRACTION_BITS;
    let value = if shift >= 0 { number.fraction << shift } else { number.fraction >> -shift };
    let spare = number.exponent - number.precision - 1;
    // Decimal digits below the precision: floor(spare · log10 2).
    let dropped = if spare > 1 { (f64::from(spare) * std::f64::consts::LOG10_2) as u32 } else { 0 };
    let power = 10u64.pow(dropped);
    let rounded = value / power + u64::from(power > 1 && value % power >= power / 2);
    let digits = rounded.to_string();
    let point = digits.len() as i32 + dropped as i32;
    Decimal { digits: digits.trim_end_matches('0').to_string(), point }
}

enum Width {
    Int,
    Long,
    Big,
}

/// The value as `b / s` × 10^`exponent`, and half the distance to its neighbours
/// as `m / s`; each of the three a product of powers of 2 and 5.
struct Scaled {
    fraction: u64,
    bits: i32,
    exponent: i32,
    b: (i32, i32),
    s: (i32, i32),
    m: (i32, i32),
}

/// Bits of 5^n, for larger n an upper bound.
fn bits_of_five(n: i32) -> i32 {
    if n < 27 { (64 - 5u64.pow(n.unsigned_abs()).leading_zeros()) as i32 - i32::from(n == 0) } else { 3 * n }
}

impl Scaled {
    fn new(number: Binary, tail: i32, bits: i32, tiny: i32) -> Self {
        let exponent = estimate(number);
        let b5 = (-exponent).max(0);
        let s5 = exponent.max(0);
        let mut b2 = b5 + tiny + number.exponent;
        let mut s2 = s5 + tiny;
        let mut m2 = b2 - number.precision;
        b2 -= bits - 1;
        let common = b2.min(s2);
        b2 -= common;
        s2 -= common;
        m2 -= common;
        if bits == 1 {
            // Below a power of two the neighbour is half as far.
            m2 -= 1;
        }
        if m2 < 0 {
            b2 -= m2;
            s2 -= m2;
            m2 = 0;
        }
        Self { fraction: number.fraction >> tail, bits, exponent, b: (b2, b5), s: (s2, s5), m: (m2, b5) }
    }

    /// The narrowest arithmetic whose results Java holds to be safe.
    fn width(&self) -> Width {
        let b = self.bits + self.b.0 + bits_of_five(self.b.1);
        let tens = self.s.0 + 1 + bits_of_five(self.s.1 + 1);
        match b.max(tens) {
            ..32 => Width::Int,
            32..64 => Width::Long,
            _ => Width::Big,
        }
    }
}

/// The decimal exponent, from a tangent of the logarithm at 1.5; at times one too high.
fn estimate(number: Binary) -> i32 {
    let one = f64::from_bits(number.fraction & ((1 << FRACTION_BITS) - 1) | 1023 << FRACTION_BITS);
    let log = (one - 1.5) * 0.289_529_654 + 0.176_091_259 + f64::from(number.exponent) * std::f64::consts::LOG10_2;
    log.floor() as i32
}

/// Digits while they are generated.
struct Output {
    digits: Vec<u8>,
    exponent: i32,
}

impl Output {
    /// Takes the first quotient; true when generating may stop behind it.
    fn first(&mut self, quotient: u8, high: bool) -> bool {
        if quotient == 0 && !high {
            // The estimate was too high.
            self.exponent -= 1;
        } else {
            self.digits.push(quotient);
        }
        // With an exponent Java shows two digits at least.
        (-3..8).contains(&self.exponent)
    }

    /// `twice` is the rest, doubled, against the unit of the last digit.
    fn finish(mut self, low: bool, high: bool, twice: Ordering) -> Decimal {
        let odd = self.digits.last().is_some_and(|d| d % 2 == 1);
        let up = high && (!low || twice == Ordering::Greater || twice == Ordering::Equal && odd);
        let mut point = self.exponent + 1;
        if up {
            while self.digits.last() == Some(&9) {
                self.digits.pop();
            }
            match self.digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    self.digits.push(1);
                    point += 1;
                }
            }
        }
        Decimal { digits: self.digits.iter().map(|d| char::from(b'0' + d)).collect(), point }
    }
}

/// Generates in a machine integer, overflow of the margin included, as Java does.
macro_rules! machine {
    ($name:ident, $int:ty) => {
        fn $name(scaled: &Scaled) -> Decimal {
            let power = |(two, five): (i32, i32)| (5 as $int).wrapping_pow(five.unsigned_abs()) << two;
            let mut b = (scaled.fraction as $int).wrapping_mul(power(scaled.b));
            let s = power(scaled.s);
            let mut m = power(scaled.m);
            let tens = s.wrapping_mul(10);
            let mut out = Output { digits: Vec::with_capacity(18), exponent: scaled.exponent };
            let step = |b: &mut $int, m: &mut $int| {
                let quotient = (*b / s) as u8;
                *b = (*b % s).wrapping_mul(10);
                *m = m.wrapping_mul(10);
                (quotient, *m <= 0 || *b < *m, *m <= 0 || b.wrapping_add(*m) > tens)
            };
            let (quotient, mut low, mut high) = step(&mut b, &mut m);
            if !out.first(quotient, high) {
                (low, high) = (false, false);
            }
            while !low && !high {
                let quotient;
                (quotient, low, high) = step(&mut b, &mut m);
                out.digits.push(quotient);
            }
            let twice = b.wrapping_shl(1).wrapping_sub(tens).cmp(&0);
            out.finish(low, high, twice)
        }
    };
}

machine!(digits_int, i32);
machine!(digits_long, i64);

fn digits_big(scaled: &Scaled) -> Decimal {
    let power = |(two, five): (i32, i32)| Big::new(1).times_five(five).shifted(two);
    let mut b = Big::new(scaled.fraction).times_five(scaled.b.1).shifted(scaled.b.0);
    let s = power(scaled.s);
    let mut m = power(scaled.m);
    let mut tens = s.clone();
    tens.times(10);
    let mut out = Output { digits: Vec::with_capacity(18), exponent: scaled.exponent };
    let step = |b: &mut Big, m: &mut Big| {
        let mut quotient = 0;
        while b.compare(&s) != Ordering::Less {
            b.subtract(&s);
            quotient += 1;
        }
        b.times(10);
        m.times(10);
        let mut sum = b.clone();
        sum.add(m);
        // Unlike in machine integers, reaching the next number counts as high.
        (quotient, b.compare(m) == Ordering::Less, sum.compare(&tens) != Ordering::Less)
    };
    let (quotient, mut low, mut high) = step(&mut b, &mut m);
    if !out.first(quotient, high) {
        (low, high) = (false, false);
    }
    while !low && !high {
        let quotient;
        (quotient, low, high) = step(&mut b, &mut m);
        out.digits.push(quotient);
    }
    b.times(2);
    out.finish(low, high, b.compare(&tens))
}

/// A natural number of any size: digits to the base 2^32, lowest first, none 0 at the end.
#[derive(Debug, Clone)]
struct Big(Vec<u32>);

impl Big {
    fn new(value: u64) -> Self {
        let mut big = Self(vec![value as u32, (value >> 32) as u32]);
        big.trim();
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn times(&mut self, factor: u32) {
        let mut carry = 0u64;
        for digit in &mut self.0 {
            let product = u64::from(*digit) * u64::from(factor) + carry;
            *digit = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn times_five(mut self, power: i32) -> Self {
        let mut left = power.unsigned_abs();
        while left > 0 {
            let now = left.min(13);
            self.times(5u32.pow(now));
            left -= now;
        }
        self
    }

    fn shifted(mut self, bits: i32) -> Self {
        let (digits, bits) = (bits.unsigned_abs() / 32, bits.unsigned_abs() % 32);
        self.times(1 << bits);
        self.0.splice(0..0, std::iter::repeat_n(0, digits as usize));
        self
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut carry = 0u64;
        for (i, digit) in self.0.iter_mut().enumerate() {
            let sum = u64::from(*digit) + u64::from(other.0.get(i).copied().unwrap_or(0)) + carry;
            *digit = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// `other` must not be larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0i64;
        for (i, digit) in self.0.iter_mut().enumerate() {
            let difference = i64::from(*digit) - i64::from(other.0.get(i).copied().unwrap_or(0)) - borrow;
            *digit = difference as u32;
            borrow = i64::from(difference < 0);
        }
        self.trim();
    }
}
