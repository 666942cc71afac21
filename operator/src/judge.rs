//! (job, what was seen) → what to do and the status that tells of it. Pure: the
//! stages put together, and what holds when a spec does not.

use k8s_openapi::jiff::Timestamp;
use streamjob_crds::{StreamJob, StreamJobStatus};

use crate::build::{self, Of, Rendering};
use crate::model::{Intent, Observed, Plan, Record, Shape, Start, Verdict};
use crate::names::Revision;
use crate::reasons;
use crate::validate::{Invalid, ValidJob, validate};

/// What to do with a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The job as it is planned for; absent when there is nothing that could be planned.
    pub job: Option<ValidJob>,
    /// The plan; absent likewise.
    pub plan: Option<Plan>,
    /// The status that is right now.
    pub status: StreamJobStatus,
}

/// Judges a job. `image`: the chart's runtime image. `refused`: what the API server refused last time.
pub fn judge(job: &StreamJob, seen: &Observed, image: &str, refused: Option<&str>, now: Timestamp) -> Judgement {
    let (valid, invalid) = match checked(job, image) {
        Ok(valid) => (Some(valid), None),
        Err(why) => (stand_in(job, seen, image), Some(why)),
    };
    let Some(valid) = valid else {
        let why = invalid.unwrap_or_else(|| Invalid("the spec cannot be judged".to_owned()));
        let status = crate::status::invalid(&seen.status, job.metadata.generation.unwrap_or(0), &why, now);
        return Judgement { job: None, plan: None, status };
    };
    let mut plan = crate::plan::plan(&valid, seen, now);
    if let Some(Invalid(why)) = invalid {
        plan.verdict = Verdict::Stalled(&reasons::INVALID_SPEC, why);
    } else if let Some(why) = refused.filter(|_| !plan.steps.is_empty()) {
        plan.verdict = Verdict::Stalled(&reasons::APPLY_REFUSED, why.to_owned());
    }
    let status = crate::status::status(&valid, seen, &plan, now);
    Judgement { job: Some(valid), plan: Some(plan), status }
}

/// Valid, and it can be rendered.
fn checked(job: &StreamJob, image: &str) -> Result<ValidJob, Invalid> {
    let valid = validate(job, image)?;
    let record = Record {
        spec: valid.spec.clone(),
        image: valid.image.clone(),
        start: Start { standby: true, from: None },
        generation: valid.generation,
    };
    let of = Of { name: &valid.name, namespace: &valid.namespace, uid: &valid.uid };
    let shape = Shape { parallelism: 1, workers: 1 };
    let trial = Rendering { of, revision: Revision(1), record: &record, shape, record_uid: "trial" };
    build::form(&trial).map_err(|e| Invalid(e.to_string()))?;
    Ok(valid)
}

/// A spec that does not hold stops nothing that is under way: it goes on by the spec of the form that it is about. Only
/// what says whether the job shall run is taken from the new one.
fn stand_in(job: &StreamJob, seen: &Observed, image: &str) -> Option<ValidJob> {
    let intent = Intent::of(&seen.status, &seen.forms);
    let parse = |text: Option<&String>| text.and_then(|r| r.parse::<Revision>().ok());
    let operation = parse(intent.operation.as_ref().map(|o| &o.revision));
    let upgrade = parse(intent.upgrade.as_ref().filter(|u| u.phase.is_some()).and_then(|u| u.to.as_ref()));
    let about = [upgrade, operation, intent.revision];
    let form = about.into_iter().flatten().find_map(|r| seen.forms.get(&r));
    let (mut spec, image) = match form {
        Some(form) => (form.record.spec.clone(), form.record.image.clone()),
        None if seen.deleting.is_some() => (job.spec.clone(), image.to_owned()),
        None => return None,
    };
    spec.state = job.spec.state;
    spec.savepoint.on_delete = job.spec.savepoint.on_delete;
    spec.parallelism = form.and_then(|f| f.parallelism).unwrap_or(spec.parallelism);
    Some(ValidJob {
        name: job.metadata.name.clone()?,
        namespace: job.metadata.namespace.clone()?,
        uid: job.metadata.uid.clone()?,
        generation: job.metadata.generation.unwrap_or(0),
        spec,
        image,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::model::{Form, Step};
    use serde_json::json;
    use streamjob_crds::status::ConditionStatus;

    fn job(spec: serde_json::Value) -> StreamJob {
        serde_json::from_value(json!({
            "apiVersion": "streamjob.dev/v1alpha1", "kind": "StreamJob",
            "metadata": {"name": "orders", "namespace": "shop", "uid": "u", "generation": 3},
            "spec": spec,
        }))
        .unwrap()
    }

    fn good() -> serde_json::Value {
        json!({"job": {"sql": "SELECT 1"}, "checkpoint": {"storage": {"type": "S3", "s3": {"bucket": "bucket"}}}})
    }

    fn bad() -> serde_json::Value {
        json!({"job": {"sql": "SELECT 1"}, "checkpoint": {"storage": {"type": "Memory"}}})
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn stalled(judgement: &Judgement) -> (String, String) {
        let found = judgement.status.conditions.iter().find(|c| c.kind == "Stalled").unwrap();
        assert_eq!(found.status, ConditionStatus::True);
        (found.reason.clone(), found.message.clone())
    }

    #[test]
    fn a_spec_that_does_not_hold_is_told_and_nothing_is_planned_for_a_new_job() {
        let judged = judge(&job(bad()), &Observed::default(), "i", None, now());
        assert!(judged.plan.is_none());
        let (reason, message) = stalled(&judged);
        assert!(reason == "InvalidSpec" && message.contains("spec.checkpoint.storage.type"), "{message}");
    }

    #[test]
    fn a_pod_template_that_does_not_fit_is_an_invalid_spec() {
        let mut spec = good();
        spec["worker"] = json!({"podTemplate": {"spec": {"containers": "none"}}});
        let judged = judge(&job(spec), &Observed::default(), "i", None, now());
        let (reason, message) = stalled(&judged);
        assert!(reason == "InvalidSpec" && message.contains("spec.worker.podTemplate"), "{message}");
    }

    #[test]
    fn an_invalid_change_leaves_what_runs_and_is_settled() {
        let valid = validate(&job(good()), "i").unwrap();
        let start = Start { standby: true, from: None };
        let record = Record { spec: valid.spec, image: "old".into(), start, generation: 2 };
        let mut seen = Observed::default();
        seen.status.revision = Some("r1".into());
        seen.status.last_revision = Some(1);
        seen.forms.insert(Revision(1), Form::of(record));
        let judged = judge(&job(bad()), &seen, "i", None, now());
        assert_eq!(stalled(&judged).0, "InvalidSpec");
        let plan = judged.plan.unwrap();
        assert!(plan.steps.iter().any(|s| matches!(s, Step::Ensure(Revision(1), _))), "{plan:?}");
        seen.status = judged.status.clone();
        let later = Timestamp::from_second(1_800_000_100).unwrap();
        assert_eq!(judge(&job(bad()), &seen, "i", None, later).status, judged.status);
    }

    #[test]
    fn what_the_api_server_refuses_is_told_until_it_is_accepted() {
        let mut seen = Observed::default();
        seen.status = judge(&job(good()), &seen, "i", None, now()).status;
        let judged = judge(&job(good()), &seen, "i", Some("quota exceeded"), now());
        assert_eq!(stalled(&judged), ("ApplyRefused".into(), "quota exceeded".into()));
        let fine = judge(&job(good()), &seen, "i", None, now());
        assert!(fine.status.conditions.iter().all(|c| c.reason != "ApplyRefused"));
    }
}
