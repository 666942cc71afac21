//! A job as a coordinator and workers over one S3 server, with a supervisor's
//! hands: what was killed is started again under the same name and address.

use super::s3::{S3, free_port};
use super::{Running, run};
use std::path::Path;
use std::time::Duration;

/// The processes of one job. Its working folder is the caller's.
pub struct Fleet<'a> {
    dir: &'a Path,
    bind: String,
    rest: String,
    /// Parallelism that the next coordinator is started with.
    pub parallelism: u32,
    slots: String,
    /// The coordinator that was started last.
    pub coordinator: Running,
    /// By number.
    pub workers: Vec<Running>,
}

impl<'a> Fleet<'a> {
    /// Starts `workers` workers of `slots` slots for the script `job.sql` in `dir`.
    pub fn start(dir: &'a Path, parallelism: u32, workers: usize, slots: u32) -> Self {
        let (bind, rest) = (format!("127.0.0.1:{}", free_port()), free_port().to_string());
        let coordinator = coordinator(dir, &bind, &rest, parallelism);
        let mut fleet =
            Self { dir, bind, rest, parallelism, slots: slots.to_string(), coordinator, workers: Vec::new() };
        fleet.workers = (0..workers).map(|n| fleet.worker(n)).collect();
        fleet
    }

    fn worker(&self, n: usize) -> Running {
        let name = format!("w{n}");
        Running::start(self.dir, &["worker", "--coordinator", &self.bind, "--id", &name, "--slots", &self.slots])
    }

    /// Kills a worker and starts it again.
    pub fn kill_worker(&mut self, n: usize) {
        self.stop_worker(n);
        self.start_worker(n);
    }

    /// Kills a worker.
    pub fn stop_worker(&mut self, n: usize) {
        assert!(!self.workers[n].has_ended(), "worker w{n} had ended by itself: {}", self.workers[n].err());
        self.workers[n].stop();
    }

    /// Starts a worker that was killed.
    pub fn start_worker(&mut self, n: usize) {
        self.workers[n] = self.worker(n);
    }

    /// Kills the coordinator and starts the next one, unless the job is over.
    pub fn kill_coordinator(&mut self) {
        let next = || coordinator(self.dir, &self.bind, &self.rest, self.parallelism);
        // Dropped, so killed, before the next one takes its port.
        self.coordinator.stop();
        self.coordinator = next();
    }

    /// Asks for another parallelism, once; what was said when it could not be had.
    pub fn rescale(&mut self, parallelism: u32) -> Result<(), String> {
        let address = format!("127.0.0.1:{}", self.rest);
        let done = run(self.dir, &["rescale", &parallelism.to_string(), "--address", &address]);
        if done.code != Some(0) {
            return Err(done.err);
        }
        self.parallelism = parallelism;
        Ok(())
    }

    /// Waits for the end of the job and of all processes; gives what the last workers told.
    pub fn end(self, patience: Duration) -> Vec<String> {
        let Self { coordinator, workers, .. } = self;
        let told = coordinator.end_within(patience).ok("coordinator").err;
        assert!(told.contains("finished after"), "{told}");
        workers.into_iter().map(|worker| worker.end().ok("worker").err).collect()
    }
}

fn coordinator(dir: &Path, bind: &str, rest: &str, parallelism: u32) -> Running {
    let port = format!("rest.port={rest}");
    let parallelism = parallelism.to_string();
    Running::start(dir, &["coordinator", "--job", "job.sql", "--bind", bind, "-p", &parallelism, "--set", &port])
}

/// `SET` statements of a job whose checkpoints lie on S3, every `interval`.
pub fn settings(s3: &S3, interval: &str) -> String {
    let mut options = vec![
        ("execution.checkpointing.dir", "s3://bucket/checkpoints".to_string()),
        ("execution.checkpointing.interval", interval.into()),
        ("restart-strategy.exponential-delay.initial-backoff", "50 ms".into()),
        ("restart-strategy.exponential-delay.max-backoff", "500 ms".into()),
    ];
    options.extend(s3.options());
    options.iter().map(|(k, v)| format!("SET '{k}' = '{v}';\n")).collect()
}
