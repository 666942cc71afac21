//! The functions for which Java does not use the processor's own: fdlibm's
//! formulas, so that the last digit is Flink's and the same on every machine.

/// Above this the smaller exponential no longer counts.
const ONE_SIDED: f64 = 22.0;
/// ln of the largest DOUBLE: above it e^x overflows, though half of it may not.
const EXP_OVERFLOW: f64 = 709.782_712_893_384;

/// Half of e^x, without overflow on the way.
fn half_exp(x: f64) -> f64 {
    if x < EXP_OVERFLOW {
        return 0.5 * libm::exp(x);
    }
    let root = libm::exp(0.5 * x);
    0.5 * root * root
}

/// Hyperbolic sine.
pub fn sinh(x: f64) -> f64 {
    let size = x.abs();
    if !x.is_finite() || size < 2f64.powi(-28) {
        return x;
    }
    let half = 0.5f64.copysign(x);
    if size >= ONE_SIDED {
        return half_exp(size).copysign(x);
    }
    let t = libm::expm1(size);
    if size < 1.0 { half * (2.0 * t - t * t / (t + 1.0)) } else { half * (t + t / (t + 1.0)) }
}

/// Hyperbolic cosine.
pub fn cosh(x: f64) -> f64 {
    let size = x.abs();
    if !x.is_finite() {
        return size;
    }
    if size < 0.5 * std::f64::consts::LN_2 {
        let t = libm::expm1(size);
        let w = 1.0 + t;
        return if size < 2f64.powi(-55) { w } else { 1.0 + t * t / (w + w) };
    }
    if size < ONE_SIDED {
        let t = libm::exp(size);
        return 0.5 * t + 0.5 / t;
    }
    half_exp(size)
}

/// Hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() || size < 2f64.powi(-55) {
        return x;
    }
    let z = if size >= ONE_SIDED {
        1.0
    } else if size >= 1.0 {
        1.0 - 2.0 / (libm::expm1(2.0 * size) + 2.0)
    } else {
        let t = libm::expm1(-2.0 * size);
        -t / (t + 2.0)
    };
    z.copysign(x)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    /// Each line: function, bits of x, bits of what StrictMath of Java 17 gives.
    #[test]
    fn as_recorded_from_java() {
        let bits = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut seen = 0;
        for line in include_str!("java_math.txt").lines().filter(|l| !l.starts_with('#')) {
            let parts: Vec<&str> = line.split(' ').collect();
            let x = f64::from_bits(bits(parts[1]));
            let got = match parts[0] {
                "sinh" => super::sinh(x),
                "cosh" => super::cosh(x),
                "tanh" => super::tanh(x),
                "asin" => libm::asin(x),
                "acos" => libm::acos(x),
                "atan" => libm::atan(x),
                "atan2" => libm::atan2(x, 2.0),
                other => panic!("{other}"),
            };
            assert_eq!(format!("{:016x}", got.to_bits()), parts[2], "{line} {x}");
            seen += 1;
        }
        assert!(seen > 100);
    }
}
