//! (status before, status now) → events for people: one where the reason or the
//! phase of an upgrade changes. Numbers stay in status: a repeated event keeps its first note.

use kube::runtime::events::{Event, EventType};
use streamjob_crds::StreamJobStatus;
use streamjob_crds::status::{Condition, ConditionStatus};

fn condition<'a>(status: &'a StreamJobStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|c| c.kind == kind)
}

/// The events that tell of the change.
pub fn events(before: &StreamJobStatus, now: &StreamJobStatus) -> Vec<Event> {
    let Some(ready) = condition(now, "Ready") else { return Vec::new() };
    let stalled = condition(now, "Stalled").is_some_and(|c| c.status == ConditionStatus::True);
    let known = condition(before, "Ready").is_some_and(|c| {
        // What is wrong now may be something else under the same reason.
        c.reason == ready.reason && (!stalled || c.message == ready.message)
    });
    if known {
        return Vec::new();
    }
    vec![Event {
        type_: if stalled { EventType::Warning } else { EventType::Normal },
        reason: ready.reason.clone(),
        note: Some(ready.message.chars().take(1000).collect()),
        action: now.state.map_or_else(|| "Reconcile".to_owned(), |s| s.to_string()),
        secondary: None,
    }]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::model::stamp;
    use k8s_openapi::jiff::Timestamp;

    fn status(reason: &str, message: &str, stalled: bool) -> StreamJobStatus {
        let make = |kind: &str, holds: bool| Condition {
            kind: kind.into(),
            status: if holds { ConditionStatus::True } else { ConditionStatus::False },
            observed_generation: None,
            last_transition_time: stamp(Timestamp::UNIX_EPOCH),
            reason: reason.into(),
            message: message.into(),
        };
        let conditions = vec![make("Ready", false), make("Stalled", stalled)];
        StreamJobStatus { conditions, ..StreamJobStatus::default() }
    }

    #[test]
    fn an_event_tells_of_a_new_reason_and_of_a_new_trouble_but_not_of_progress() {
        let table = [
            (StreamJobStatus::default(), status("Starting", "a", false), 1),
            (status("Starting", "a", false), status("Starting", "b", false), 0),
            (status("Starting", "a", false), status("StartRefused", "b", true), 1),
            (status("StartRefused", "b", true), status("StartRefused", "b", true), 0),
            (status("StartRefused", "b", true), status("StartRefused", "c", true), 1),
            (status("StartRefused", "b", true), StreamJobStatus::default(), 0),
        ];
        for (before, now, want) in table {
            assert_eq!(events(&before, &now).len(), want, "{before:?} -> {now:?}");
        }
        let warning = &events(&status("Starting", "a", false), &status("StartRefused", "b", true))[0];
        assert_eq!(warning.type_, EventType::Warning);
    }
}
