#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::operators::aggregate::AggCall;
use crate::operators::testkit::schema;
use ScalarRef::{Bytes, Dec, Float, Int, Null};
use streamjob_core::DataType as T;

fn resolve(function: AggFunction, from: T, to: T) -> Resolved {
    AggCall::new(function, Some(0), to).resolve(&schema(&[("x", from)]), false).unwrap()
}

/// Folds, checks the byte form on the way, and gives the result as a column would hold it.
fn fold(call: &Resolved, plus: &[ScalarRef<'_>], minus: &[ScalarRef<'_>]) -> Option<Scalar> {
    let mut acc = Acc::new(call);
    plus.iter().for_each(|v| acc.update(call, *v).unwrap());
    minus.iter().for_each(|v| acc.retract(call, *v).unwrap());
    let mut bytes = vec![];
    acc.encode(&mut bytes);
    let mut rest = bytes.as_slice();
    let acc = Acc::decode(call, &mut rest).unwrap();
    assert!(rest.is_empty());
    let mut column = super::super::ResultColumn::new(&call.result_type).unwrap();
    column.push(acc.result(call)).unwrap();
    column.get(0).to_owned()
}

#[test]
fn results_as_in_the_original() {
    use AggFunction as F;
    let half = Dec(50);
    let table: Vec<(F, T, T, Vec<ScalarRef<'_>>, Vec<ScalarRef<'_>>, Option<Scalar>)> = vec![
        (F::Count, T::Int, T::BigInt, vec![Int(1), Null, Int(1)], vec![], Some(Scalar::Int(2))),
        (F::Count, T::Int, T::BigInt, vec![Null], vec![], Some(Scalar::Int(0))),
        (F::Count, T::Int, T::BigInt, vec![Int(1), Int(2)], vec![Int(1), Null], Some(Scalar::Int(1))),
        (F::Sum, T::Int, T::Int, vec![], vec![], None),
        (F::Sum, T::Int, T::Int, vec![Null, Null], vec![], None),
        (F::Sum, T::Int, T::Int, vec![Int(1), Int(2147483647)], vec![], Some(Scalar::Int(-2147483648))),
        (F::Sum, T::TinyInt, T::TinyInt, vec![Int(127), Int(1)], vec![], Some(Scalar::Int(-128))),
        (F::Sum, T::BigInt, T::BigInt, vec![Int(i64::MAX), Int(1)], vec![], Some(Scalar::Int(i64::MIN))),
        (F::Sum, T::Int, T::Int, vec![Int(5), Int(6)], vec![Int(5), Int(6)], None),
        (F::Sum, T::Int, T::Int, vec![Int(5), Int(6)], vec![Int(5)], Some(Scalar::Int(6))),
        (F::Sum, T::Double, T::Double, vec![Float(0.5), Float(0.25)], vec![], Some(Scalar::Float(0.75))),
        (F::Sum, T::Float, T::Float, vec![Float(16777216.0), Float(1.0)], vec![], Some(Scalar::Float(16777216.0))),
        (F::Sum, T::Decimal(5, 2), T::Decimal(38, 2), vec![half, half], vec![], Some(Scalar::Dec(100))),
        (F::Sum, T::Decimal(38, 0), T::Decimal(38, 0), vec![Dec(MAX_DECIMAL), Dec(1)], vec![], None),
        (
            F::Sum,
            T::Decimal(38, 0),
            T::Decimal(38, 0),
            vec![Dec(MAX_DECIMAL), Dec(1), Dec(7)],
            vec![],
            Some(Scalar::Dec(7)),
        ),
        (F::Avg, T::Int, T::Int, vec![Int(1), Int(2)], vec![], Some(Scalar::Int(1))),
        (F::Avg, T::Int, T::Int, vec![Int(-1), Int(-2)], vec![], Some(Scalar::Int(-1))),
        (
            F::Avg,
            T::Int,
            T::Int,
            vec![Int(i32::MAX.into()), Int(i32::MAX.into())],
            vec![],
            Some(Scalar::Int(i32::MAX.into())),
        ),
        (F::Avg, T::Double, T::Double, vec![Float(1.0), Float(2.0)], vec![], Some(Scalar::Float(1.5))),
        (F::Avg, T::Int, T::Int, vec![Null], vec![], None),
        (
            F::Avg,
            T::Decimal(5, 2),
            T::Decimal(38, 6),
            vec![Dec(100), Dec(0), Dec(0)],
            vec![],
            Some(Scalar::Dec(333333)),
        ),
        (
            F::Avg,
            T::Decimal(5, 2),
            T::Decimal(38, 6),
            vec![Dec(-200), Dec(0), Dec(0)],
            vec![],
            Some(Scalar::Dec(-666667)),
        ),
        (F::Avg, T::Decimal(5, 2), T::Decimal(38, 6), vec![Dec(100), Dec(7)], vec![Dec(7)], Some(Scalar::Dec(1000000))),
        (F::Min, T::Int, T::Int, vec![Null, Int(3), Int(-2), Int(5)], vec![], Some(Scalar::Int(-2))),
        (
            F::Max,
            T::STRING,
            T::STRING,
            vec![Bytes(b"a"), Bytes(b"b"), Bytes(b"")],
            vec![],
            Some(Scalar::Bytes(b"b".to_vec())),
        ),
        (F::Max, T::Double, T::Double, vec![Float(1.0), Float(f64::NAN), Float(0.5)], vec![], Some(Scalar::Float(1.0))),
        (F::FirstValue, T::Int, T::Int, vec![Null, Int(3), Int(4)], vec![], Some(Scalar::Int(3))),
        (F::LastValue, T::Int, T::Int, vec![Int(3), Int(4), Null], vec![], Some(Scalar::Int(4))),
        (F::VarPop, T::Double, T::Double, vec![Float(1.0), Float(3.0)], vec![], Some(Scalar::Float(1.0))),
        (F::VarSamp, T::Double, T::Double, vec![Float(1.0), Float(3.0)], vec![], Some(Scalar::Float(2.0))),
        (F::VarSamp, T::Double, T::Double, vec![Float(1.0)], vec![], None),
        (
            F::StddevPop,
            T::Double,
            T::Double,
            vec![Float(1.0), Float(5.0), Float(9.0)],
            vec![Float(9.0)],
            Some(Scalar::Float(2.0)),
        ),
        (F::StddevPop, T::Int, T::Int, vec![Int(1), Int(5)], vec![], Some(Scalar::Int(2))),
        (
            F::VarPop,
            T::Double,
            T::Double,
            [3., 7., 3.].map(Float).to_vec(),
            vec![],
            Some(Scalar::Float(3.5555555555555554)),
        ),
        (
            F::VarSamp,
            T::Double,
            T::Double,
            [5., 7., -1.].map(Float).to_vec(),
            vec![],
            Some(Scalar::Float(17.333333333333332)),
        ),
        (F::VarPop, T::Int, T::Int, vec![Int(-200000), Int(200000)], vec![], Some(Scalar::Int(i32::MAX.into()))),
        (F::VarPop, T::Int, T::Int, vec![Int(1), Int(2)], vec![], Some(Scalar::Int(0))),
        (
            F::VarPop,
            T::Decimal(5, 2),
            T::Decimal(38, 6),
            vec![Dec(100), Dec(200), Dec(200)],
            vec![],
            Some(Scalar::Dec(222222)),
        ),
        (F::StddevPop, T::Double, T::Double, vec![Float(4.0)], vec![Float(4.0)], None),
    ];
    for (function, from, to, plus, minus, expected) in table {
        let call = resolve(function, from, to);
        assert_eq!(fold(&call, &plus, &minus), expected, "{call} of {plus:?} minus {minus:?}");
    }
    let list = resolve(F::ListAgg { delimiter: "|".into() }, T::STRING, T::STRING);
    let joined = fold(&list, &[Bytes(b"a"), Null, Bytes(b""), Bytes(b"c")], &[]);
    assert_eq!(joined, Some(Scalar::Bytes(b"a||c".to_vec())));
}

#[test]
fn merge_equals_one_fold() {
    use AggFunction as F;
    let (left, right) = ([Int(3), Null, Int(-8)], [Int(5), Int(1)]);
    for (function, to) in [
        (F::Count, T::BigInt),
        (F::Sum, T::Int),
        (F::Avg, T::Int),
        (F::Min, T::Int),
        (F::Max, T::Int),
        (F::FirstValue, T::Int),
        (F::LastValue, T::Int),
    ] {
        let call = resolve(function, T::Int, to);
        let (mut a, mut b, mut all) = (Acc::new(&call), Acc::new(&call), Acc::new(&call));
        left.iter().for_each(|v| a.update(&call, *v).unwrap());
        right.iter().for_each(|v| b.update(&call, *v).unwrap());
        left.iter().chain(&right).for_each(|v| all.update(&call, *v).unwrap());
        a.merge(&call, &b).unwrap();
        assert_eq!(a, all, "{call}");
        a.merge(&call, &Acc::new(&call)).unwrap();
        assert_eq!(a, all, "{call}");
    }
}

#[test]
fn unsupported_types_are_refused_by_name() {
    let input = schema(&[("x", T::STRING), ("d", T::Decimal(5, 2))]);
    let sum = AggCall::new(AggFunction::Sum, Some(0), T::STRING).resolve(&input, false).unwrap_err();
    assert_eq!(sum.message(), "SUM(x): STRING cannot be summed to STRING");
    let var = AggCall::new(AggFunction::VarPop, Some(0), T::Double).resolve(&input, false).unwrap_err();
    assert_eq!(var.message(), "VAR_POP(x): not supported for STRING giving DOUBLE");
    let list = AggCall::new(AggFunction::ListAgg { delimiter: ",".into() }, Some(0), T::STRING);
    assert_eq!(
        list.distinct().filter(1).resolve(&input, false).unwrap_err().domain(),
        streamjob_core::Domain::Internal
    );
}
