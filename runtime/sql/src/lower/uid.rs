//! The uids under which state is found again (ADR 0003): made from the text of
//! the sub-plan, so that they stay when the rest of the script changes.

use crate::plan::reuse::{Class, Reuse};
use crate::plan::{Node, Rel};
use std::collections::HashSet;
use streamjob_core::{OperatorUid, Result};
use xxhash_rust::xxh3::xxh3_64;

/// Gives uids, each once.
pub(super) struct Uids {
    given: HashSet<String>,
    /// Those that several relations with state would have.
    twins: HashSet<String>,
}

impl Uids {
    pub(super) fn new(reuse: &Reuse<'_>) -> Result<Self> {
        let (mut seen, mut twins) = (HashSet::new(), HashSet::new());
        for class in reuse.classes() {
            if let Some(uid) = of_state(class.rel)?
                && !seen.insert(uid.clone())
            {
                twins.insert(uid);
            }
        }
        Ok(Self { given: HashSet::new(), twins })
    }

    /// The uid of an operator with state. Relations of one text that cannot be shared (other options, random
    /// numbers) go by their sinks: by their order, one that is added would take the state of another.
    pub(super) fn stateful(&mut self, base: String, class: &Class<'_>) -> OperatorUid {
        match class.sink.filter(|_| self.twins.contains(&base)) {
            Some(sink) => self.once(format!("{base}-{sink}")),
            None => self.once(base),
        }
    }

    /// The uid, with an ordinal when the job has the same one already.
    pub(super) fn once(&mut self, base: String) -> OperatorUid {
        let mut uid = base.clone();
        let mut n = 2;
        while !self.given.insert(uid.clone()) {
            uid = format!("{base}-{n}");
            n += 1;
        }
        OperatorUid(uid)
    }
}

/// The uid of a relation's operator, when it has state.
pub(super) fn of_state(rel: &Rel) -> Result<Option<String>> {
    Ok(Some(match &rel.node {
        // Another connector cannot take its positions.
        Node::Scan(table, _) => {
            format!("source-{}-{}", table.def.name, table.def.options.get("connector").unwrap_or("table"))
        }
        Node::Values(_) => hashed("values", &rel.digest()?),
        Node::CurrentWatermark { id, .. } => hashed("current-watermark", id),
        Node::Aggregate { calls, id, .. } if calls.is_empty() => hashed("distinct", id),
        Node::Aggregate { id, .. } => hashed("group-aggregate", id),
        Node::WindowAggregate { id, .. } => hashed("window-aggregate", id),
        Node::Calc { .. } | Node::Watermark { .. } | Node::Union(_) | Node::WindowTvf { .. } => return Ok(None),
    }))
}

/// The kind, and a text in short.
pub(super) fn hashed(kind: &str, text: &str) -> String {
    format!("{kind}-{:016x}", xxh3_64(text.as_bytes()))
}
