//! What pods tell: whether a coordinator runs, waits, was refused or is done, and
//! why workers are not there.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use serde_json::Value;

use crate::build::REST;
use crate::model::{Process, Workers};

/// Exit code of a runtime that was given what has to be corrected.
const REFUSED: i32 = 2;
/// On their way: nothing is wrong with them.
const PATIENT: [&str; 2] = ["ContainerCreating", "PodInitializing"];

fn going(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// The newest pod, one that stays before one that goes.
fn newest<'a>(pods: impl Iterator<Item = &'a Pod>) -> Option<&'a Pod> {
    pods.max_by_key(|p| (!going(p), p.metadata.creation_timestamp.as_ref().map(|t| t.0), p.metadata.name.clone()))
}

/// Where the newest of these pods answers, and its uid. Nobody answers in one that has ended, and asking would take the
/// time of a connection that is never made.
pub fn address<'a>(pods: impl Iterator<Item = &'a Pod>) -> Option<(String, String)> {
    let runs = |p: &&Pod| container(p).and_then(|c| c.state.as_ref()).is_some_and(|s| s.running.is_some());
    let pod = newest(pods.filter(runs))?;
    let ip = pod.status.as_ref()?.pod_ip.as_ref().filter(|ip| !ip.is_empty())?;
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.clone() };
    Some((format!("http://{host}:{REST}"), pod.metadata.uid.clone()?))
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let ours = |s: &&ContainerStatus| matches!(s.name.as_str(), "coordinator" | "worker");
    statuses.iter().find(ours)
}

/// A coordinator. One that was refused and is being tried again stays refused until it `answers`.
pub fn coordinator(job: &Job, pods: &[&Pod], answers: bool) -> Process {
    if job.status.as_ref().and_then(|s| s.succeeded).unwrap_or(0) > 0 {
        return Process::Done;
    }
    let Some(pod) = newest(pods.iter().copied()).filter(|p| !going(p)) else { return Process::Starting };
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    if phase == Some("Succeeded") {
        return Process::Done;
    }
    let Some(status) = container(pod) else {
        return unplaced(pod).map_or(Process::Starting, |(r, m)| Process::Trouble(r, m));
    };
    let last = status.last_state.as_ref().and_then(ended);
    let Some(state) = &status.state else { return Process::Starting };
    if state.running.is_some() {
        return match last {
            Some(End { code: REFUSED, message, .. }) if !answers => Process::Refused(message),
            _ => Process::Up,
        };
    }
    if let Some(end) = ended(state).or(last) {
        return match end.code {
            0 => Process::Done,
            REFUSED => Process::Refused(end.message),
            _ => Process::Trouble(end.reason, end.message),
        };
    }
    waits(status).map_or(Process::Starting, |(reason, message)| Process::Trouble(reason, message))
}

/// The workers of a form.
pub fn workers(set: &StatefulSet, pods: &[&Pod]) -> Workers {
    let count = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    let wanted = Some(count(set.spec.replicas).unwrap_or(1));
    let ready = set.status.as_ref().and_then(|s| count(s.ready_replicas)).unwrap_or(0);
    let trouble = pods.iter().filter(|p| !going(p)).find_map(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let (reason, message) = match container(pod) {
            None => unplaced(pod)?,
            Some(status) => match waits(status)? {
                (reason, _) if reason == "CrashLoopBackOff" => {
                    let end = status.last_state.as_ref().and_then(ended)?;
                    (end.reason, end.message)
                }
                waits => waits,
            },
        };
        Some(format!("{name}: {reason}: {message}"))
    });
    Workers { wanted, ready, trouble: trouble.filter(|_| Some(ready) < wanted) }
}

/// No node takes it.
fn unplaced(pod: &Pod) -> Option<(String, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let placed = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    Some((
        placed.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()),
        placed.message.clone().unwrap_or_default(),
    ))
}

/// Why it waits, when something is wrong.
fn waits(status: &ContainerStatus) -> Option<(String, String)> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone().filter(|r| !PATIENT.contains(&r.as_str()))?;
    let message = waiting.message.clone().unwrap_or_else(|| format!("image {}", status.image));
    Some((reason, message))
}

struct End {
    code: i32,
    reason: String,
    message: String,
}

fn ended(state: &ContainerState) -> Option<End> {
    let end = state.terminated.as_ref()?;
    let reason = end.reason.clone().unwrap_or_else(|| "Error".to_owned());
    let told = end.message.as_deref().map(last_words).filter(|m| !m.is_empty());
    let message = told.unwrap_or_else(|| format!("it ended with code {}", end.exit_code));
    Some(End { code: end.exit_code, reason, message })
}

/// What a process said last: the end of its log, one JSON object a line.
fn last_words(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let told = serde_json::from_str::<Value>(line).ok();
    let message = told.as_ref().and_then(|t| t.get("message")).and_then(Value::as_str);
    let message = message.unwrap_or(line);
    let lines = message.strip_prefix("error: ").unwrap_or(message).lines().map(str::trim).filter(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p", "uid": "u"}, "status": status})).unwrap()
    }

    fn with(state: Value, last: Value) -> Pod {
        pod(json!({"phase": "Running", "podIP": "10.0.0.7", "containerStatuses": [{
            "name": "coordinator", "image": "i", "imageID": "", "ready": false, "restartCount": 1,
            "state": state, "lastState": last,
        }]}))
    }

    fn ended(code: i32, message: &str) -> Value {
        json!({"terminated": {"exitCode": code, "reason": "Error", "message": message}})
    }

    #[test]
    fn a_coordinator_is_what_its_newest_pod_says() {
        let json =
            r#"{"timestamp":"now","level":"ERROR","message":"error: spec.job.sql: no such table\n  fix: make it"}"#;
        let refused = || Process::Refused("spec.job.sql: no such table; fix: make it".into());
        let trouble = |r: &str, m: &str| Process::Trouble(r.into(), m.into());
        let waiting = |r: &str| json!({"waiting": {"reason": r, "message": "m"}});
        let unplaced = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "m"}]});
        let table = [
            (pod(json!({})), false, Process::Starting),
            (pod(unplaced), false, trouble("Unschedulable", "m")),
            (pod(json!({"phase": "Succeeded"})), false, Process::Done),
            (with(waiting("ContainerCreating"), json!({})), false, Process::Starting),
            (with(waiting("ErrImagePull"), json!({})), false, trouble("ErrImagePull", "m")),
            (with(json!({"running": {}}), json!({})), false, Process::Up),
            (with(json!({"running": {}}), ended(1, "x")), false, Process::Up),
            (with(json!({"running": {}}), ended(2, json)), false, refused()),
            (with(json!({"running": {}}), ended(2, json)), true, Process::Up),
            (with(waiting("CrashLoopBackOff"), ended(2, json)), false, refused()),
            (with(waiting("CrashLoopBackOff"), ended(137, "")), false, trouble("Error", "it ended with code 137")),
            (with(ended(1, "a\nb\n"), json!({})), false, trouble("Error", "b")),
            (with(ended(0, ""), json!({})), false, Process::Done),
        ];
        for (pod, answers, want) in table {
            assert_eq!(coordinator(&Job::default(), &[&pod], answers), want, "{pod:?}");
        }
        let done: Job = serde_json::from_value(json!({"status": {"succeeded": 1}})).unwrap();
        assert_eq!(coordinator(&done, &[], false), Process::Done);
        assert_eq!(coordinator(&Job::default(), &[], false), Process::Starting);
    }

    #[test]
    fn a_pod_that_goes_is_not_the_coordinator_but_still_answers() {
        let mut old = with(json!({"running": {}}), json!({}));
        old.metadata.deletion_timestamp = Some(crate::model::stamp(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(coordinator(&Job::default(), &[&old], true), Process::Starting);
        assert_eq!(address([&old].into_iter()), Some(("http://10.0.0.7:8081".into(), "u".into())));
        let mut six = old.clone();
        six.status.as_mut().unwrap().pod_ip = Some("fd00::7".into());
        assert_eq!(address([&six].into_iter()).unwrap().0, "http://[fd00::7]:8081");
        assert_eq!(address([].into_iter()), None);
        assert_eq!(address([&with(ended(0, ""), json!({}))].into_iter()), None);
    }

    #[test]
    fn workers_say_which_pod_is_in_trouble_and_why() {
        let set: StatefulSet = serde_json::from_value(
            json!({"spec": {"replicas": 2, "selector": {}, "serviceName": "s", "template": {}}, "status": {"replicas": 2, "readyReplicas": 1}}),
        )
        .unwrap();
        let mut bad = with(json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}), json!({}));
        bad.status.as_mut().unwrap().container_statuses.as_mut().unwrap()[0].name = "worker".into();
        let seen = workers(&set, &[&bad]);
        assert_eq!((seen.wanted, seen.ready), (Some(2), 1));
        assert_eq!(seen.trouble.unwrap(), "p: ImagePullBackOff: no such image");
    }
}
