//! The verbs for running jobs: they find the job's REST API and speak to it.

use crate::args::{ListArgs, RescaleArgs, SavepointArgs, StopArgs, TargetArgs};
use crate::jobs::{self, Entry, JOBS};
use crate::reference::print;
use crate::report::Failure;
use crate::units;
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::{Duration, Instant};
use streamjob_api::{
    ErrorResponse, JobStatus, JobSummary, JobsOverview, Progress, RescaleRequest, SavepointRequest, StopRequest,
    TriggerOutcome, TriggerResponse, TriggerStatus,
};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

/// Address without any running job from this folder.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8081";
/// How long one request waits for the job's status to change.
const WAIT: Duration = Duration::from_secs(2);
/// How long `stop` and `cancel` wait for the job's end after their own work is done.
const END: Duration = Duration::from_secs(30);

/// `savepoint`.
pub fn savepoint(args: &SavepointArgs) -> Result<(), Failure> {
    if let Some(path) = &args.dispose {
        return Ok(crate::checkpoints::dispose(path, &args.storage, &args.set)?);
    }
    let job = Remote::find(&args.at)?;
    let trigger = uuid::Uuid::new_v4().simple().to_string();
    let body = SavepointRequest {
        target_directory: absolute(args.target.as_deref())?,
        trigger_id: Some(trigger),
        ..SavepointRequest::default()
    };
    let location = job.savepoint("savepoints", &body)?;
    Ok(print(&format!("{location}\n"))?)
}

/// `stop`.
pub fn stop(args: &StopArgs) -> Result<(), Failure> {
    let job = Remote::find(&args.at)?;
    let trigger = uuid::Uuid::new_v4().simple().to_string();
    let body = StopRequest {
        target_directory: absolute(args.target.as_deref())?,
        drain: args.drain,
        checkpoint: args.checkpoint,
        trigger_id: Some(trigger),
        ..StopRequest::default()
    };
    let location = job.savepoint("stop", &body)?;
    Ok(print(&format!("{location}\n"))?)
}

/// `rescale`.
pub fn rescale(args: &RescaleArgs) -> Result<(), Failure> {
    let job = Remote::find(&TargetArgs { job: args.job.clone(), address: args.address.clone() })?;
    let trigger = uuid::Uuid::new_v4().simple().to_string();
    let body = RescaleRequest { parallelism: args.parallelism, trigger_id: Some(trigger), workers: None };
    let outcome = job.trigger("rescaling", "rescaling", &body)?;
    if let Some(failure) = outcome.failure {
        return Err(Error::transient(format!("not rescaled: {}", failure.message)).into());
    }
    let name = &job.summary.name;
    let text = match outcome.rescale {
        Some(r) if r.from == r.to => format!("{name} runs at parallelism {} already\n", r.to),
        Some(r) => format!("{name} rescaled from {} to {}, {} ms without tasks\n", r.from, r.to, r.outage_ms),
        None => return Err(Error::internal(format!("the job at {} does not say how it ended", job.address)).into()),
    };
    Ok(print(&text)?)
}

/// `cancel`.
pub fn cancel(args: &TargetArgs) -> Result<(), Failure> {
    let job = Remote::find(args)?;
    job.send(job.request(Method::PATCH, "?mode=cancel"))?;
    job.await_end();
    Ok(print(&format!("canceled {}\n", job.summary.name))?)
}

/// `list`.
pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let mut rows =
        vec![["NAME", "STATE", "RUNNING FOR", "RESTARTS", "PID", "REST", "FILE"].map(str::to_string).to_vec()];
    let mut out = Vec::new();
    for entry in jobs::running(Path::new(JOBS)) {
        let summary = entry.address.as_deref().and_then(|a| Remote::at(a, Some(&entry.name)).ok()).map(|r| r.summary);
        let state = summary.as_ref().map_or("unknown".into(), |s| format!("{:?}", s.state).to_uppercase());
        let duration = summary.as_ref().and_then(|s| u64::try_from(s.duration).ok());
        rows.push(vec![
            entry.name.clone(),
            state,
            duration.map_or("-".into(), |ms| units::span(Duration::from_millis(ms))),
            summary.as_ref().map_or("-".into(), |s| s.restarts.to_string()),
            entry.pid.to_string(),
            entry.address.clone().unwrap_or_else(|| "off".into()),
            entry.file.clone(),
        ]);
        out.push(serde_json::json!({"entry": entry, "job": summary}));
    }
    if args.json {
        let text = serde_json::to_string_pretty(&out).internal("cannot write JSON")?;
        return Ok(print(&format!("{text}\n"))?);
    }
    if out.is_empty() {
        return Ok(print("no job runs from this folder\n")?);
    }
    Ok(print(&units::table(&rows))?)
}

/// A folder as the job's process must see it: it may run elsewhere.
fn absolute(target: Option<&str>) -> Result<Option<String>> {
    let Some(target) = target else { return Ok(None) };
    if target.contains("://") || target.starts_with("file:") {
        return Ok(Some(target.to_string()));
    }
    let path = std::path::absolute(target)
        .map_err(|e| Error::user(format!("--target '{target}' is not a usable path")).caused_by(e))?;
    Ok(Some(path.display().to_string()))
}

/// The address to ask, by what runs from this folder.
fn choose(job: Option<&str>, running: &[Entry]) -> Result<String> {
    let candidates: Vec<&Entry> = running.iter().filter(|e| job.is_none_or(|j| j == e.name)).collect();
    match candidates.as_slice() {
        [] => match (job, running) {
            // Who answers there is compared with the name.
            (Some(_), []) => Ok(DEFAULT_ADDRESS.into()),
            (Some(job), _) => {
                let names = running.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::user(format!("no job '{job}' runs from this folder")).fix(format!("running here: {names}")))
            }
            (None, _) => Err(Error::user("no job runs from this folder")
                .fix("call this from the folder that the job runs from, name the job, or give --address HOST:PORT")),
        },
        [only] => only.address.clone().ok_or_else(|| {
            Error::user(format!(
                "the job '{}' has no REST API (it runs with --no-rest, or is just starting)",
                only.name
            ))
            .fix(format!("end it with a signal: kill {}", only.pid))
        }),
        several => {
            let names = several.iter().map(|e| e.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Error::user("several jobs run from this folder").fix(format!("name one: {names}")))
        }
    }
}

/// A running job behind its REST API.
struct Remote {
    client: Client,
    address: String,
    summary: JobSummary,
}

impl Remote {
    fn find(args: &TargetArgs) -> Result<Self> {
        let address = match &args.address {
            Some(address) => address.trim_start_matches("http://").trim_end_matches('/').to_string(),
            None => choose(args.job.as_deref(), &jobs::running(Path::new(JOBS)))?,
        };
        Self::at(&address, args.job.as_deref())
    }

    fn at(address: &str, job: Option<&str>) -> Result<Self> {
        // A proxy has no business between this machine and its own jobs.
        let client =
            Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).timeout(Duration::from_secs(30));
        let client = client.build().internal("cannot make an HTTP client")?;
        let overview: JobsOverview = match client.get(format!("http://{address}/jobs/overview")).send() {
            Ok(response) => parse(address, check(response)?)?,
            Err(e) if e.is_builder() => {
                return Err(Error::user(format!("'{address}' is not an address")).fix("give --address HOST:PORT"));
            }
            Err(e) => {
                let what = job.map_or("no job".to_string(), |j| format!("no job '{j}'"));
                return Err(Error::user(format!("{what} runs from this folder, and nothing answers at {address}"))
                    .caused_by(e.without_url())
                    .fix("`streamjob list` shows what runs here; give --address HOST:PORT for a job elsewhere"));
            }
        };
        let names: Vec<String> = overview.jobs.iter().map(|j| j.name.clone()).collect();
        let found = overview.jobs.into_iter().find(|s| job.is_none_or(|j| j == s.name || j == s.jid));
        let summary = found.ok_or_else(|| {
            Error::user(format!("no job '{}' runs at {address}", job.unwrap_or_default()))
                .fix(format!("the process there runs {}", names.join(", ")))
        })?;
        Ok(Self { client, address: address.to_string(), summary })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}/jobs/{}{path}", self.address, self.summary.jid))
    }

    fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().map_err(reqwest::Error::without_url);
        check(response.transient(format!("the job at {} does not answer", self.address))?)
    }

    /// Starts an operation and waits for its savepoint.
    fn savepoint(&self, verb: &str, body: &impl Serialize) -> Result<String> {
        let outcome = self.trigger(verb, "savepoints", body)?;
        if let Some(failure) = outcome.failure {
            return Err(Error::transient(format!("the savepoint failed: {}", failure.message)));
        }
        let location = outcome.location.ok_or_else(|| {
            Error::internal(format!("the job at {} reports a savepoint without a location", self.address))
        });
        if verb == "stop" {
            self.await_end();
        }
        location
    }

    /// Starts an operation and waits for its outcome, which is told below `outcomes`.
    fn trigger(&self, verb: &str, outcomes: &str, body: &impl Serialize) -> Result<TriggerOutcome> {
        let response = self.send(self.request(Method::POST, &format!("/{verb}")).json(body))?;
        let trigger: TriggerResponse = parse(&self.address, response)?;
        let path = format!("/{outcomes}/{}", trigger.request_id);
        let mut version = 0;
        loop {
            let ended = |e: Error| e.fix("the job may have ended; `streamjob checkpoint list` shows what was written");
            let response = self.send(self.request(Method::GET, &path)).map_err(ended)?;
            let status: TriggerStatus = parse(&self.address, response)?;
            if status.status.id == Progress::InProgress {
                version = self.await_change(version).map_err(ended)?.version;
                continue;
            }
            return Ok(status.operation.unwrap_or_default());
        }
    }

    /// The job's status, once it is another than that of version `after`, or after a while.
    fn await_change(&self, after: u64) -> Result<JobStatus> {
        let url = format!("http://{}/status?after={after}&wait={}ms", self.address, WAIT.as_millis());
        parse(&self.address, self.send(self.client.get(url))?)
    }

    /// Waits until the job's process is gone or its job at rest. No error: what was asked for is done.
    fn await_end(&self) {
        let (deadline, mut version) = (Instant::now() + END, 0);
        while Instant::now() < deadline {
            match self.await_change(version) {
                Ok(status) if !status.state.is_terminal() => version = status.version,
                _ => return,
            }
        }
    }
}

/// The error of an answer that is not 2xx, in the server's words.
fn check(response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().unwrap_or_default();
    let message = serde_json::from_str::<ErrorResponse>(&text).map(|e| e.errors.join("; ")).unwrap_or(text);
    let message = format!("the job answers {status}: {message}");
    Err(if status.is_client_error() { Error::user(message) } else { Error::transient(message) })
}

fn parse<T: DeserializeOwned>(address: &str, response: Response) -> Result<T> {
    response.json().map_err(|e| {
        Error::user(format!("what answers at {address} is not a streamjob"))
            .caused_by(e.without_url())
            .fix("check --address")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn entry(name: &str, address: Option<&str>) -> Entry {
        Entry {
            name: name.into(),
            namespace: "default".into(),
            pid: 1,
            address: address.map(str::to_string),
            file: String::new(),
        }
    }

    #[test]
    fn the_address_is_that_of_the_only_job_that_fits() {
        let (a, b, silent) = (entry("a", Some("h:1")), entry("b", Some("h:2")), entry("c", None));
        let table: [(Option<&str>, &[Entry], std::result::Result<&str, &str>); 8] = [
            (None, &[], Err("no job runs from this folder")),
            (Some("x"), &[], Ok(DEFAULT_ADDRESS)),
            (None, std::slice::from_ref(&a), Ok("h:1")),
            (None, &[a.clone(), b.clone()], Err("several jobs")),
            (Some("b"), &[a.clone(), b.clone()], Ok("h:2")),
            (Some("x"), &[a.clone(), b.clone()], Err("no job 'x' runs from this folder")),
            (Some("c"), &[a.clone(), silent.clone()], Err("no REST API")),
            (None, &[silent], Err("no REST API")),
        ];
        for (job, running, expected) in table {
            match (choose(job, running), expected) {
                (Ok(got), Ok(address)) => assert_eq!(got, address),
                (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
                (got, _) => panic!("{job:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn nothing_running_is_a_clear_user_error() {
        let e = Remote::at("127.0.0.1:1", Some("x")).err().unwrap();
        assert_eq!(e.domain(), streamjob_core::Domain::User);
        assert!(e.message().contains("no job 'x' runs"), "{e}");
    }

    #[test]
    fn targets_are_absolute() {
        assert_eq!(absolute(Some("s3://b/x")).unwrap().as_deref(), Some("s3://b/x"));
        assert!(absolute(Some("x")).unwrap().unwrap().starts_with('/'));
        assert_eq!(absolute(None).unwrap(), None);
    }
}
