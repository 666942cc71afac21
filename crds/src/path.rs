//! Names a place in a manifest: `spec.imagePullSecrets[0].name`,
//! `spec.configuration["table.exec.state.ttl"]`.

use std::fmt;

use serde_json::Value;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Into the value of this key.
    Key(String),
    /// Into the list entry of this index, from 0.
    Index(usize),
}

/// A place in a document; empty is the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// The place below this one at a key.
    pub fn key(&self, key: &str) -> Self {
        self.child(Segment::Key(key.to_owned()))
    }

    /// The place below this one at an index.
    pub fn index(&self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    fn child(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// Reads the dotted form of a path that has no quoted keys.
    pub fn dotted(text: &str) -> Self {
        let mut segments = Vec::new();
        for part in text.split('.').filter(|p| !p.is_empty()) {
            let mut pieces = part.split('[');
            segments.extend(pieces.next().filter(|p| !p.is_empty()).map(|p| Segment::Key(p.to_owned())));
            segments.extend(pieces.filter_map(|p| p.trim_end_matches(']').parse().ok()).map(Segment::Index));
        }
        Self(segments)
    }

    /// Whether one of the two places contains the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }

    /// Takes the value at this place out of a document.
    pub fn remove(&self, document: &mut Value) {
        let Some((last, parents)) = self.0.split_last() else {
            return;
        };
        let mut at = document;
        for segment in parents {
            let next = match segment {
                Segment::Key(key) => at.get_mut(key),
                Segment::Index(index) => at.get_mut(index),
            };
            match next {
                Some(next) => at = next,
                None => return,
            }
        }
        match (last, at) {
            (Segment::Key(key), Value::Object(map)) => drop(map.remove(key)),
            // The places of the other entries must not move.
            (Segment::Index(index), Value::Array(list)) => {
                if let Some(entry) = list.get_mut(*index) {
                    *entry = Value::Null;
                }
            }
            _ => {}
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_/".contains(c));
                    match (plain, position) {
                        (true, 0) => f.write_str(key)?,
                        (true, _) => write!(f, ".{key}")?,
                        (false, _) => write!(f, "[{key:?}]")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads() {
        let path = FieldPath::default().key("spec").key("imagePullSecrets").index(0).key("name");
        assert_eq!(path.to_string(), "spec.imagePullSecrets[0].name");
        assert_eq!(FieldPath::dotted(&path.to_string()), path);
        assert_eq!(FieldPath::default().key("configuration").key("a.b").to_string(), "configuration[\"a.b\"]");
    }

    #[test]
    fn overlaps_and_removes() {
        let (a, b) = (FieldPath::dotted("spec.job"), FieldPath::dotted("spec.job.sql"));
        assert!(a.overlaps(&b) && b.overlaps(&a) && !b.overlaps(&FieldPath::dotted("spec.image")));
        let mut document = serde_json::json!({"spec": {"job": {"sql": "x", "program": {}}}});
        b.remove(&mut document);
        assert_eq!(document, serde_json::json!({"spec": {"job": {"program": {}}}}));
    }
}
