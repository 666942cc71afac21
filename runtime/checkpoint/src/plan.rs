//! The plan of a restore, made before anything starts: which operators find their
//! state, which are new, whose state would be dropped, and what does not fit.

use crate::manifest::Manifest;
use std::collections::HashMap;
use std::fmt;
use streamjob_core::{Error, OperatorUid, Result};
use streamjob_state::{StateSpec, compat};

/// An operator of the new job.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOperator {
    /// Its stable name.
    pub uid: OperatorUid,
    /// Its name for people.
    pub name: String,
    /// It keeps operator state (positions, pending output, broadcast maps).
    pub has_operator_state: bool,
    /// Its keyed states.
    pub keyed: Vec<StateSpec>,
}

/// The new job.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its operators.
    pub operators: Vec<NewOperator>,
    /// Default number of subtasks.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
}

/// What a restore will do. Texts are for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestorePlan {
    /// Operators that find state.
    pub matched: Vec<String>,
    /// Operators that start empty.
    pub new: Vec<String>,
    /// State that no operator takes.
    pub dropped: Vec<String>,
    /// State that its operator cannot take.
    pub incompatible: Vec<String>,
    /// Set when the number of key groups does not fit.
    pub refused: Option<String>,
}

/// Compares the new job with what a manifest holds.
pub fn plan(manifest: &Manifest, job: &NewJob) -> RestorePlan {
    let mut plan = RestorePlan { refused: parallelism_problem(manifest, job), ..RestorePlan::default() };
    let mut taken = HashMap::new();
    for op in &job.operators {
        taken.insert(&op.uid, op);
        let stateful = op.has_operator_state || !op.keyed.is_empty();
        match manifest.operator(&op.uid).filter(|o| o.subtasks.iter().any(|s| !s.is_empty())) {
            Some(old) => {
                plan.matched
                    .push(format!("{} ({}): {} → {} subtasks", op.name, op.uid, old.parallelism, job.parallelism));
            }
            None if stateful => plan.new.push(format!("{} ({})", op.name, op.uid)),
            None => {}
        }
    }
    for old in &manifest.operators {
        let here = format!("{} ({})", old.name, old.uid);
        let Some(op) = taken.get(&old.uid) else {
            if old.subtasks.iter().any(|s| !s.is_empty()) {
                plan.dropped.push(format!("{here}: all of its state"));
            }
            continue;
        };
        if !op.has_operator_state && old.subtasks.iter().any(|s| s.operator.is_some()) {
            plan.dropped.push(format!("{here}: its operator state"));
        }
        let mut seen = Vec::new();
        let holding = old.subtasks.iter().filter_map(|s| s.keyed.as_ref()).filter(|k| !k.files.is_empty());
        for meta in holding.flat_map(|k| &k.states) {
            // Subtasks of one checkpoint share their declarations.
            if seen.contains(&meta) {
                continue;
            }
            seen.push(meta);
            match op.keyed.iter().find(|s| s.name == meta.name) {
                None => plan.dropped.push(format!("{here}: state '{}'", meta.name)),
                Some(spec) => {
                    if let Err(e) = compat::check(meta, spec) {
                        plan.incompatible.push(format!("operator {here}: {}", e.chain()));
                    }
                }
            }
        }
    }
    plan
}

fn parallelism_problem(manifest: &Manifest, job: &NewJob) -> Option<String> {
    let old = manifest.max_parallelism;
    let has_keyed = manifest
        .operators
        .iter()
        .flat_map(|o| &o.subtasks)
        .any(|s| s.keyed.as_ref().is_some_and(|k| !k.files.is_empty()));
    if has_keyed && job.max_parallelism != old {
        return Some(format!(
            "the maximum parallelism ({old}) with which the state was written must match the current maximum parallelism ({}): \
             it is the number of key groups and cannot change once state exists",
            job.max_parallelism
        ));
    }
    if job.parallelism > job.max_parallelism {
        return Some(format!(
            "the parallelism ({}) is larger than the maximum parallelism ({})",
            job.parallelism, job.max_parallelism
        ));
    }
    None
}

impl RestorePlan {
    /// Errors (User) when the restore must not start; `location` names its source.
    pub fn check(&self, location: &str, allow_non_restored: bool) -> Result<()> {
        if let Some(problem) = &self.refused {
            return Err(Error::user(format!("cannot restore from {location}: {problem}")).fix(
                "set maxParallelism to the value that the state was written with, and parallelism to at most that",
            ));
        }
        if !self.incompatible.is_empty() {
            return Err(Error::user(format!(
                "cannot restore from {location}: {} state(s) do not fit: {}",
                self.incompatible.len(),
                self.incompatible.join("; ")
            ))
            .fix("keep the old definition, give the operator a new uid, or start empty with restore.from: None"));
        }
        if !self.dropped.is_empty() && !allow_non_restored {
            return Err(Error::user(format!(
                "cannot restore from {location}: no operator of the new program takes {}",
                self.dropped.join("; ")
            ))
            .fix("put back what computes it (docs/upgrades.md: which changes keep state); or drop that state with restore.allowNonRestoredState: true (--allow-non-restored-state)"));
        }
        Ok(())
    }
}

impl fmt::Display for RestorePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("matched", &self.matched),
            ("new", &self.new),
            ("dropped", &self.dropped),
            ("incompatible", &self.incompatible),
        ];
        for (i, (name, items)) in parts.into_iter().filter(|(_, items)| !items.is_empty()).enumerate() {
            write!(f, "{}{name}: {}", if i > 0 { "\n" } else { "" }, items.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::manifest::tests::sample;
    use streamjob_state::{FileRef, StateKind};

    fn manifest() -> Manifest {
        sample(3, vec![FileRef { path: "shared/a/1-x".into(), size: 1, checksum: "0".into(), inline: None }])
    }

    fn job() -> NewJob {
        NewJob {
            operators: vec![NewOperator {
                uid: OperatorUid("group".into()),
                name: "GroupAggregate".into(),
                has_operator_state: false,
                keyed: vec![StateSpec {
                    name: "cnt".into(),
                    kind: StateKind::Aggregating,
                    key_schema: "uid BIGINT".into(),
                    value_schema: "cnt BIGINT".into(),
                    version: 1,
                    ttl: None,
                }],
            }],
            parallelism: 2,
            max_parallelism: 128,
        }
    }

    #[test]
    fn the_same_job_matches() {
        let p = plan(&manifest(), &job());
        assert_eq!(p.matched, ["GroupAggregate (group): 1 → 2 subtasks"]);
        assert!(p.check("chk-3", false).is_ok());
        assert_eq!(p.to_string(), "matched: GroupAggregate (group): 1 → 2 subtasks");
    }

    #[test]
    fn dropped_state_is_refused_unless_allowed() {
        let mut other = job();
        other.operators[0].uid = OperatorUid("group2".into());
        let p = plan(&manifest(), &other);
        assert_eq!((p.new.len(), p.dropped.len()), (1, 1));
        let e = p.check("chk-3", false).unwrap_err();
        assert!(
            e.message().contains("GroupAggregate (group)") && e.fix_text().unwrap().contains("allowNonRestoredState"),
            "{e}"
        );
        assert!(p.check("chk-3", true).is_ok());

        let mut renamed = job();
        renamed.operators[0].keyed[0].name = "other".into();
        assert!(plan(&manifest(), &renamed).dropped[0].contains("state 'cnt'"));
    }

    #[test]
    fn incompatible_state_names_operator_state_and_field_and_is_never_allowed() {
        let mut other = job();
        other.operators[0].keyed[0].key_schema = "uid STRING".into();
        let e = plan(&manifest(), &other).check("chk-3", true).unwrap_err();
        for word in ["GroupAggregate (group)", "'cnt'", "uid BIGINT", "uid STRING"] {
            assert!(e.message().contains(word), "{e}");
        }
    }

    #[test]
    fn key_groups_are_fixed() {
        let e = plan(&manifest(), &NewJob { max_parallelism: 256, ..job() }).check("chk-3", true).unwrap_err();
        assert!(e.message().contains("(128)") && e.message().contains("(256)"), "{e}");
        let e = plan(&manifest(), &NewJob { parallelism: 129, ..job() }).check("chk-3", true).unwrap_err();
        assert!(e.message().contains("larger than the maximum parallelism"), "{e}");
        // Without keyed state it may change.
        assert_eq!(plan(&sample(3, vec![]), &NewJob { max_parallelism: 256, ..job() }).refused, None);
    }
}
