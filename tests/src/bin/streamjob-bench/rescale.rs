//! Another parallelism for a running job: how long no task runs.

use crate::report::Report;
use crate::state::{INTERVAL, Job, Place, RATE};
use std::time::Instant;
use streamjob_core::{Error, Result};

const TIMES: usize = 3;
const GOAL_MS: f64 = 500.0;

/// All cases.
pub fn run(bytes: u64, report: &mut Report) -> Result<()> {
    report.settings(
        "rescale",
        &format!(
            "{bytes} bytes of payload in RocksDB, GROUP BY, 2 workers of 2 slots, {RATE} rows/s, checkpoints every {INTERVAL}; \
             2→4, 4→1 and 1→2 in turn, {TIMES} times each"
        ),
    );
    for place in [Place::Folder, Place::S3] {
        let Some(mut job) = Job::start(bytes, place, 2)? else { continue };
        let mut steps = [
            ("2→4", 4, Vec::new(), Vec::new()),
            ("4→1", 1, Vec::new(), Vec::new()),
            ("1→2", 2, Vec::new(), Vec::new()),
        ];
        for _ in 0..TIMES {
            for (_, to, outages, wholes) in &mut steps {
                let from = job.coordinator.err_len();
                let begun = Instant::now();
                let told = job.rescale(*to)?;
                wholes.push(begun.elapsed().as_secs_f64() * 1000.0);
                outages.push(outage(&told)?);
                job.settle(from)?;
            }
        }
        for (case, _, outages, wholes) in steps {
            let name = format!("rescale/{}/{case}", place.name());
            report.add(&name, "without tasks", "ms", outages, Some(GOAL_MS));
            report.add(&name, "· the verb, with its checkpoint", "ms", wholes, None);
        }
    }
    Ok(())
}

/// Of `rescaled job from 2 to 4, 123 ms without tasks`.
fn outage(told: &str) -> Result<f64> {
    let number = told.split_once(" ms without tasks").and_then(|(before, _)| before.rsplit(' ').next());
    number.and_then(|n| n.replace(',', "").parse().ok()).ok_or_else(|| Error::internal(format!("no time in '{told}'")))
}
