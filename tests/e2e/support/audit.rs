//! The API server's log of calls: what the operator did, as the API server saw it.

use super::operator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

/// A place in the log.
pub struct Mark {
    path: String,
    length: u64,
}

/// Calls of the operator: `verb resource` → how many.
#[derive(Debug, Default)]
pub struct Calls(pub BTreeMap<String, usize>);

impl Calls {
    /// How many of them write.
    pub fn writes(&self) -> usize {
        self.0.iter().filter(|(what, _)| writes(what)).map(|(_, n)| n).sum()
    }

    /// How many there are.
    pub fn all(&self) -> usize {
        self.0.values().sum()
    }
}

fn writes(what: &str) -> bool {
    !["get ", "list ", "watch "].iter().any(|read| what.starts_with(read))
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls, {} of them writes", self.all(), self.writes())?;
        for (what, n) in &self.0 {
            write!(f, "\n    {n:>4} {what}")?;
        }
        Ok(())
    }
}

impl Mark {
    /// The end of the log now. `None`, which is said, when the cluster's log cannot be read.
    pub fn now(test: &str) -> Option<Self> {
        let Some(path) = std::env::var("E2E_AUDIT_LOG").ok().filter(|p| !p.is_empty()) else {
            let text = "E2E_AUDIT_LOG is not set: calls of the operator cannot be counted in this cluster";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {text}");
            eprintln!("SKIPPED {test}: {text}");
            return None;
        };
        let length = std::fs::metadata(&path).expect("the audit log").len();
        Some(Self { path, length })
    }

    /// The operator's calls for objects of this namespace from the mark to now.
    pub fn calls(&self, namespace: &str) -> Calls {
        let mut calls = Calls::default();
        for event in self.events(namespace) {
            *calls.0.entry(what(&event)).or_default() += 1;
        }
        calls
    }

    /// Pods of the operator that wrote something in this namespace.
    pub fn writers(&self, namespace: &str) -> Vec<String> {
        let events = self.events(namespace).into_iter().filter(|e| writes(&what(e)));
        let pod = |e: &Value| e.pointer("/user/extra/authentication.kubernetes.io~1pod-name/0").cloned();
        let mut pods: Vec<String> = events.filter_map(|e| pod(&e)?.as_str().map(str::to_owned)).collect();
        pods.sort();
        pods.dedup();
        pods
    }

    fn events(&self, namespace: &str) -> Vec<Value> {
        let mut file = std::fs::File::open(&self.path).expect("the audit log");
        // It begins anew when it was rotated.
        if file.metadata().is_ok_and(|m| m.len() >= self.length) {
            file.seek(SeekFrom::Start(self.length)).expect("the audit log");
        }
        let user = format!("system:serviceaccount:{}:", operator::namespace());
        let events = BufReader::new(file).lines().map_while(Result::ok);
        let events = events.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let ours = |e: &Value| {
            e.pointer("/user/username").and_then(Value::as_str).is_some_and(|u| u.starts_with(&user))
                && e.pointer("/objectRef/namespace").and_then(Value::as_str) == Some(namespace)
        };
        events.filter(ours).collect()
    }
}

/// Verb, resource and subresource, and the code when it was refused.
fn what(event: &Value) -> String {
    let text = |at: &str| event.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let sub = text("/objectRef/subresource");
    let sub = if sub.is_empty() { String::new() } else { format!("/{sub}") };
    let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0);
    let code = if code < 400 { String::new() } else { format!(" ({code})") };
    format!("{} {}{sub}{code}", text("/verb"), text("/objectRef/resource"))
}
