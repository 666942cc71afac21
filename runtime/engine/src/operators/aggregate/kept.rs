//! FIRST_VALUE, LAST_VALUE and LISTAGG over rows that are updated or deleted: the
//! values in the order of their arrival, from which each can be taken away again.
//! As in the original it is the oldest of those that are equal which goes.

use super::scalar::{Scalar, ScalarRef};
use super::{AggFunction, Resolved};
use std::cmp::Ordering;

/// What a call makes of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// The first.
    First,
    /// The last.
    Last,
    /// All, joined.
    All,
}

/// The values of one call in one group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    values: Vec<Scalar>,
    /// LISTAGG's result.
    joined: Vec<u8>,
}

impl Kept {
    /// In order of arrival.
    pub(super) fn values(&self) -> &[Scalar] {
        &self.values
    }

    pub(super) fn add(&mut self, call: &Resolved, value: ScalarRef<'_>) {
        if let Some(value) = value.to_owned() {
            self.join(call, &value, !self.values.is_empty());
            self.values.push(value);
        }
    }

    /// A value that was never seen (expired) takes nothing away.
    pub(super) fn take_away(&mut self, call: &Resolved, value: ScalarRef<'_>) {
        let Some(at) = self.values.iter().position(|v| v.as_ref().total_compare(&value) == Ordering::Equal) else {
            return;
        };
        self.values.remove(at);
        self.joined.clear();
        let values = std::mem::take(&mut self.values);
        for (i, value) in values.iter().enumerate() {
            self.join(call, value, i > 0);
        }
        self.values = values;
    }

    pub(super) fn result(&self, pick: Pick) -> ScalarRef<'_> {
        let value = match pick {
            Pick::First => self.values.first(),
            Pick::Last => self.values.last(),
            Pick::All if self.values.is_empty() => None,
            Pick::All => return ScalarRef::Bytes(&self.joined),
        };
        value.map_or(ScalarRef::Null, Scalar::as_ref)
    }

    fn join(&mut self, call: &Resolved, value: &Scalar, more: bool) {
        if let (AggFunction::ListAgg { delimiter }, Scalar::Bytes(value)) = (&call.call.function, value) {
            if more {
                self.joined.extend_from_slice(delimiter.as_bytes());
            }
            self.joined.extend_from_slice(value);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::super::{AggCall, AggFunction as F};
    use crate::operators::GroupAggregate;
    use crate::operators::testkit::{Harness, changes, schema, text_column};
    use streamjob_core::DataType;

    const STRING: DataType = DataType::STRING;

    fn grouped(aggs: Vec<AggCall>) -> GroupAggregate {
        let mut out = vec![("k", STRING)];
        out.extend(aggs.iter().map(|a| ("x", a.result.data.clone())));
        GroupAggregate {
            input: schema(&[("k", STRING), ("v", STRING)]),
            schema: schema(&out),
            keys: vec![0],
            aggs,
            generate_update_before: false,
            input_retracts: true,
            state_ttl: None,
        }
    }

    fn call(function: F) -> AggCall {
        AggCall::new(function, Some(1), STRING)
    }

    #[test]
    fn the_oldest_of_equal_values_goes_and_state_is_read_back() {
        let list = || call(F::ListAgg { delimiter: "-".into() });
        let config = grouped(vec![call(F::FirstValue), call(F::LastValue), list(), list().distinct()]);
        let mut h = Harness::new(&config);
        let mut seen = Vec::new();
        for (ops, values) in
            [("+I +I +I", vec!["a", "b", "a"]), ("-U +U", vec!["a", "c"]), ("-U", vec!["x"]), ("-D -D", vec!["a", "c"])]
        {
            let keys = vec![Some("k"); values.len()];
            let values: Vec<_> = values.into_iter().map(Some).collect();
            h.batch(changes(ops, vec![text_column(&keys), text_column(&values)]));
            seen.push(h.rows().last().cloned().unwrap_or_default());
            h = h.restart(&config);
        }
        assert_eq!(
            seen,
            ["+U[k, a, a, a-b-a, a-b]", "+U[k, b, c, b-a-c, a-b-c]", "", "-D[k, b, c, b-c, b-c]"],
            "a value that was never there takes nothing away but a row"
        );
    }

    #[test]
    fn what_only_grows_takes_nothing_back_and_keeps_no_map() {
        let config = grouped(vec![AggCall { monotonic: true, ..call(F::Max) }]);
        let mut h = Harness::new(&config);
        let values = [Some("b"), Some("a"), Some("b"), Some("c")];
        h.batch(changes("+I +I -U +U", vec![text_column(&[Some("k"); 4]), text_column(&values)]));
        assert_eq!(h.rows(), ["+I[k, b]", "+U[k, c]"]);
        assert_eq!(crate::OperatorFactory::keyed_states(&config).len(), 1);
    }
}
