//! Finds the line of a field in YAML text. serde_yaml keeps no positions in its
//! values, but puts one into each error: so the document is read once more, down
//! to the field, and an error is raised there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::path::{FieldPath, Segment};

const MARK: &str = "\u{1}here";

/// Line and column, both from 1, of the field at `path` in the document of this
/// index; of its nearest ancestor when the field itself is not there.
pub fn locate(text: &str, document: usize, path: &FieldPath, at_key: bool) -> Option<(usize, usize)> {
    let mut rest = path.0.as_slice();
    let mut at_key = at_key;
    loop {
        let reader = serde_yaml::Deserializer::from_str(text).nth(document)?;
        let found = Find { rest, at_key }.deserialize(reader);
        if let Err(error) = found
            && error.to_string().contains(MARK)
        {
            return error.location().map(|l| (l.line(), l.column()));
        }
        rest = rest.split_last()?.1;
        at_key = true;
    }
}

/// Reads down to a place and fails there; succeeds when the place is not there.
struct Find<'a> {
    rest: &'a [Segment],
    at_key: bool,
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rest.is_empty() { MARK } else { "a container" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Err(A::Error::custom(MARK));
        };
        while let Some(found) = map.next_key_seed(Key { wanted: first, fail: rest.is_empty() && self.at_key })? {
            match found {
                true => map.next_value_seed(Find { rest, at_key: self.at_key })?,
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Err(A::Error::custom(MARK));
        };
        let mut index = 0;
        loop {
            let more = match first == &Segment::Index(index) {
                true => list.next_element_seed(Find { rest, at_key: self.at_key })?.is_some(),
                false => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }
}

/// Reads a key and says whether it is the wanted one, or fails at it.
struct Key<'a> {
    wanted: &'a Segment,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        let found = matches!(self.wanted, Segment::Key(wanted) if wanted == key);
        if found && self.fail {
            return Err(E::custom(MARK));
        }
        Ok(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a: 1\n---\n# comment\nspec:\n  job: {sql: x, 'odd key': 2}\n  list:\n  - one\n  - {name: two}\n  - null\n";

    #[test]
    fn finds_keys_values_and_the_nearest_ancestor() {
        let at = |path: &str, key| locate(TEXT, 1, &FieldPath::dotted(path), key);
        assert_eq!(at("spec.job.sql", true), Some((5, 9)));
        assert_eq!(at("spec.job.sql", false), Some((5, 14)));
        assert_eq!(at("spec.job.odd key", true), Some((5, 17)));
        assert_eq!(at("spec.list[1].name", false), Some((8, 12)));
        assert_eq!(at("spec.list[2]", false), Some((9, 5)));
        assert_eq!(at("spec.checkpoint.storage", false), Some((4, 1)));
        assert_eq!(locate(TEXT, 0, &FieldPath::dotted("a"), false), Some((1, 4)));
        assert_eq!(locate(TEXT, 7, &FieldPath::dotted("a"), false), None);
    }
}
