//! Which kinds of change each relation makes, and who needs `-U` rows: Flink's
//! rules. An aggregate leaves `-U` out only when everything behind it up to the sink can do without.

use super::{Node, Rel};
use std::fmt;

/// Kinds of change besides inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Rows are updated.
    pub update: bool,
    /// Rows are deleted.
    pub delete: bool,
}

impl Changes {
    /// True when there are inserts only.
    pub fn insert_only(self) -> bool {
        !self.update && !self.delete
    }

    /// Either's.
    fn and(self, other: Changes) -> Changes {
        Changes { update: self.update || other.update, delete: self.delete || other.delete }
    }

    /// `update`, `delete` or `update and delete`.
    pub fn words(self) -> &'static str {
        match (self.update, self.delete) {
            (true, true) => "update and delete",
            (true, false) => "update",
            _ => "delete",
        }
    }
}

/// A changelog mode as EXPLAIN shows it.
pub struct Mode {
    /// The changes.
    pub changes: Changes,
    /// Whether updates come with `-U`.
    pub before: bool,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = vec!["I"];
        if self.changes.update {
            if self.before {
                kinds.push("UB");
            }
            kinds.push("UA");
        }
        if self.changes.delete {
            kinds.push("D");
        }
        write!(f, "[{}]", kinds.join(","))
    }
}

/// What a relation makes.
pub fn changes(rel: &Rel) -> Changes {
    match &rel.node {
        Node::Scan(..) | Node::Values(_) | Node::WindowAggregate { .. } => Changes::default(),
        Node::Aggregate { input, .. } => Changes { update: true, delete: !changes(input).insert_only() },
        _ => rel.inputs().into_iter().fold(Changes::default(), |all, input| all.and(changes(input))),
    }
}

/// Whether the inputs of a relation must send `-U`, when its own reader needs it or not.
pub fn inputs_need_before(rel: &Rel, needed: bool) -> bool {
    match &rel.node {
        // A condition may be true of the new row and false of the old one.
        Node::Calc { filter, .. } => needed || filter.is_some(),
        Node::Aggregate { .. } | Node::WindowAggregate { .. } | Node::WindowTvf { .. } | Node::Watermark { .. } => true,
        Node::Scan(..) | Node::Values(_) | Node::Union(_) | Node::CurrentWatermark { .. } => needed,
    }
}

/// The first relation from the top that makes updates or deletes out of what it reads.
pub fn producer(rel: &Rel) -> &Rel {
    match &rel.node {
        Node::Aggregate { .. } => rel,
        _ => rel.inputs().into_iter().find(|i| !changes(i).insert_only()).map_or(rel, producer),
    }
}

/// A window needs insert-only input: the first relation that reads updates all the same, with its reader.
pub fn windowed_updates(rel: &Rel) -> Option<(&Rel, &Rel)> {
    let windowed = matches!(rel.node, Node::WindowAggregate { .. } | Node::WindowTvf { .. });
    rel.inputs().into_iter().find_map(|input| {
        if windowed && !changes(input).insert_only() {
            return Some((rel, producer(input)));
        }
        windowed_updates(input)
    })
}
