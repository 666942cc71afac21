//! Figures by name: for Prometheus, and for REST's `metrics` paths. Names are
//! those of Flink's Prometheus reporter where the meaning is the same; like
//! there, everything is a gauge.

mod defs;
mod job;
mod tasks;
mod text;

pub use defs::{DEFS, Def, Scope, page};
pub use job::{coordinator, job};
pub use tasks::{of_tasks, of_vertex};
pub use text::{CONTENT_TYPE, write};

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it is.
    pub def: &'static Def,
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// Its value, in the unit that the definition names.
    pub value: f64,
}

/// Gathers figures with the same labels.
struct Gather {
    labels: Vec<(&'static str, String)>,
    samples: Vec<Sample>,
}

impl Gather {
    fn new(labels: Vec<(&'static str, String)>) -> Self {
        Self { labels, samples: Vec::new() }
    }

    fn add(&mut self, def: &'static Def, value: f64) {
        self.samples.push(Sample { def, labels: self.labels.clone(), value });
    }

    fn maybe(&mut self, def: &'static Def, value: Option<f64>) {
        if let Some(value) = value {
            self.add(def, value);
        }
    }
}
