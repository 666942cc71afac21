//! Whether restored state may be used as a declared one: a pure comparison,
//! made when a state is registered and by the plan before a restore.

use crate::backend::StateSpec;
use crate::snapshot::StateMeta;
use streamjob_core::{Error, Result};

/// How restored state fits its new declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// The values were written by an older version of their format; the codec reads both.
    pub older_version: bool,
    /// Time to live was off and is on now: the age of every entry starts at the restore.
    pub ttl_starts: bool,
}

/// Compares restored state with its declaration. The value schema may change only together
/// with a higher version, by which the operator declares that it reads the older format.
/// Errors (User) name the state, what was restored and what is declared.
pub fn check(restored: &StateMeta, declared: &StateSpec) -> Result<Fit> {
    let name = &declared.name;
    if restored.kind != declared.kind {
        return Err(differs(name, "kind", &format!("{:?}", restored.kind), &format!("{:?}", declared.kind)));
    }
    if restored.key_schema != declared.key_schema {
        return Err(differs(name, "key", &restored.key_schema, &declared.key_schema));
    }
    if restored.version > declared.version {
        return Err(Error::user(format!(
            "state '{name}' was written in version {} of its format, and this program reads versions up to {}",
            restored.version, declared.version
        ))
        .fix("run the program version that wrote it, or a newer one"));
    }
    if restored.version == declared.version && restored.value_schema != declared.value_schema {
        return Err(differs(name, "value", &restored.value_schema, &declared.value_schema));
    }
    Ok(Fit { older_version: restored.version < declared.version, ttl_starts: declared.ttl.is_some() && !restored.ttl })
}

fn differs(name: &str, what: &str, restored: &str, declared: &str) -> Error {
    Error::user(format!("state '{name}' cannot be restored: its {what} was ({restored}) and is now ({declared})"))
        .fix("keep the old definition, give the operator another uid, or start without the state")
}

/// What a checkpoint remembers of a declared state.
pub fn meta_of(spec: &StateSpec) -> StateMeta {
    StateMeta {
        name: spec.name.clone(),
        kind: spec.kind,
        key_schema: spec.key_schema.clone(),
        value_schema: spec.value_schema.clone(),
        version: spec.version,
        ttl: spec.ttl.is_some(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::backend::{StateKind, Ttl, TtlUpdate, TtlVisibility};
    use std::time::Duration;

    fn spec() -> StateSpec {
        StateSpec {
            name: "sum".into(),
            kind: StateKind::Value,
            key_schema: "uid BIGINT".into(),
            value_schema: "total BIGINT".into(),
            version: 2,
            ttl: None,
        }
    }

    #[test]
    fn table() {
        let same = meta_of(&spec());
        assert_eq!(check(&same, &spec()).unwrap(), Fit { older_version: false, ttl_starts: false });
        let rows: [(StateMeta, Option<&str>); 6] = [
            (StateMeta { kind: StateKind::Map, ..same.clone() }, Some("its kind was (Map) and is now (Value)")),
            (
                StateMeta { key_schema: "uid INT".into(), ..same.clone() },
                Some("its key was (uid INT) and is now (uid BIGINT)"),
            ),
            (
                StateMeta { value_schema: "n INT".into(), ..same.clone() },
                Some("its value was (n INT) and is now (total BIGINT)"),
            ),
            (StateMeta { version: 3, ..same.clone() }, Some("version 3")),
            (StateMeta { version: 1, value_schema: "n INT".into(), ..same.clone() }, None),
            (StateMeta { ttl: true, ..same.clone() }, None),
        ];
        for (meta, want) in rows {
            match (check(&meta, &spec()), want) {
                (Err(e), Some(text)) => {
                    assert!(e.to_string().contains(text) && e.to_string().contains("'sum'"), "{e}");
                    assert_eq!(e.domain(), streamjob_core::Domain::User);
                }
                (Ok(fit), None) => assert_eq!(fit.older_version, meta.version == 1),
                (got, want) => panic!("{meta:?}: {got:?}, wanted {want:?}"),
            }
        }
    }

    #[test]
    fn ttl_switched_on_starts_now() {
        let ttl = Ttl {
            ttl: Duration::from_secs(1),
            update: TtlUpdate::OnCreateAndWrite,
            visibility: TtlVisibility::NeverReturnExpired,
        };
        let on = StateSpec { ttl: Some(ttl), ..spec() };
        assert!(check(&meta_of(&spec()), &on).unwrap().ttl_starts);
        assert!(!check(&meta_of(&on), &on).unwrap().ttl_starts);
    }
}
