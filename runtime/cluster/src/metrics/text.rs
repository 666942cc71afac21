//! Figures as Prometheus reads them (OpenMetrics text).

use super::{DEFS, Sample};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use streamjob_core::Result;
use streamjob_core::error::ErrorExt;

/// Content type of [`write`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
struct Samples {
    prefix: String,
    samples: Vec<Sample>,
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder) -> std::result::Result<(), std::fmt::Error> {
        for def in DEFS {
            let mut of_def = self.samples.iter().filter(|s| s.def == *def).peekable();
            if of_def.peek().is_none() {
                continue;
            }
            let path = def.scope.path();
            let name = match self.prefix.as_str() {
                "" => format!("{path}_{}", def.name),
                prefix => format!("{prefix}_{path}_{}", def.name),
            };
            let help = format!("{} Unit: {}", def.doc, def.unit);
            let mut family = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
            for sample in of_def {
                match sample.labels.as_slice() {
                    [] => family.encode_gauge(&sample.value)?,
                    labels => family.encode_family(&labels)?.encode_gauge(&sample.value)?,
                }
            }
        }
        Ok(())
    }
}

/// All figures, with the first part of their names.
pub fn write(prefix: &str, samples: Vec<Sample>) -> Result<String> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples { prefix: prefix.to_string(), samples }));
    let mut out = String::new();
    text::encode(&mut out, &registry).internal("metrics cannot be written")?;
    Ok(out)
}
