//! Figures of the operator, in Prometheus' text form.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::reconcile::ReconcileError;

/// Content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// What is counted as it happens.
pub struct Metrics {
    passes: Family<Outcome, Counter<u64, AtomicU64>>,
    seconds: Histogram,
    leads: Gauge,
}

/// What is counted when somebody asks.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// StreamJobs by state, namespace.
    pub states: BTreeMap<(String, String), u64>,
    /// StreamJobs that are not Ready by reason, namespace.
    pub not_ready: BTreeMap<(String, String), u64>,
    /// Errors by watch.
    pub watch_errors: Vec<(String, u64)>,
    /// Coordinators that are followed, and those that answer.
    pub coordinators: (usize, usize),
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let seconds = Histogram::new(exponential_buckets(0.001, 4.0, 8));
        Arc::new(Self { passes: Family::default(), seconds, leads: Gauge::default() })
    }

    /// A pass was made.
    pub fn reconciled(&self, done: &Result<Option<Duration>, ReconcileError>, took: Duration) {
        let result = match done {
            Ok(_) => "ok",
            Err(ReconcileError::Conflict(_)) => "conflict",
            Err(ReconcileError::Refused(_)) => "refused",
            Err(_) => "error",
        };
        self.passes.get_or_create(&Outcome { result }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A pass was given up from outside.
    pub fn failed(&self) {
        self.passes.get_or_create(&Outcome { result: "error" }).inc();
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leads.set(i64::from(leads));
    }

    /// All figures.
    pub fn write(&self, now: Snapshot) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("streamjob_operator");
        registry.register("reconciles", "Passes over a StreamJob, by result", self.passes.clone());
        registry.register("reconcile_seconds", "How long a pass took", self.seconds.clone());
        registry.register("leader", "1 where this process leads", self.leads.clone());
        registry.register_collector(Box::new(now));
        let mut out = String::new();
        text::encode(&mut out, &registry)?;
        Ok(out)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let by = [
            ("streamjobs", "StreamJobs, by state", "state", &self.states),
            ("streamjobs_not_ready", "StreamJobs that are not Ready, by reason", "reason", &self.not_ready),
        ];
        for (name, help, label, counts) in by {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for ((namespace, value), count) in counts {
                let labels = [("namespace", namespace.as_str()), (label, value.as_str())];
                family.encode_family(&labels)?.encode_gauge(&i64::try_from(*count).unwrap_or(i64::MAX))?;
            }
        }
        let mut errors = encoder.encode_descriptor("watch_errors", "Errors of a watch", None, MetricType::Counter)?;
        for (watch, count) in &self.watch_errors {
            let labels = [("watch", watch.as_str())];
            errors.encode_family(&labels)?.encode_counter::<[(&str, &str); 0], _, u64>(count, None)?;
        }
        let (followed, answering) = self.coordinators;
        for (name, help, count) in [
            ("coordinators", "Coordinators that are followed", followed),
            ("coordinators_answering", "Coordinators that answer", answering),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            family.encode_gauge(&i64::try_from(count).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_their_names_and_labels() {
        let metrics = Metrics::new();
        metrics.leads(true);
        metrics.reconciled(&Ok(None), Duration::from_millis(3));
        let now = Snapshot {
            states: BTreeMap::from([(("shop".into(), "Running".into()), 2)]),
            not_ready: BTreeMap::from([(("shop".into(), "UpgradeRefused".into()), 1)]),
            watch_errors: vec![("pods".into(), 4)],
            coordinators: (3, 2),
        };
        let text = metrics.write(now).unwrap();
        for line in [
            "streamjob_operator_leader 1",
            "streamjob_operator_reconciles_total{result=\"ok\"} 1",
            "streamjob_operator_streamjobs{namespace=\"shop\",state=\"Running\"} 2",
            "streamjob_operator_streamjobs_not_ready{namespace=\"shop\",reason=\"UpgradeRefused\"} 1",
            "streamjob_operator_watch_errors_total{watch=\"pods\"} 4",
            "streamjob_operator_coordinators_answering 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
