//! The text around a run: what is about to run, and how it ended.

use crate::args::JobArgs;
use crate::live::Figures;
use crate::units;
use std::time::Duration;
use streamjob_api::Checkpoints;
use streamjob_cluster::JobOutcome;

/// What a run consists of.
pub struct Header {
    /// Job name.
    pub job: String,
    /// The file.
    pub file: String,
    /// Tables read.
    pub sources: String,
    /// Tables written.
    pub sinks: String,
    /// Subtasks.
    pub parallelism: u32,
    /// State backend.
    pub backend: String,
    /// Where checkpoints go.
    pub checkpoints: String,
    /// Where REST listens.
    pub rest: Option<String>,
    /// Where workers connect; `None` when tasks run in this process.
    pub workers: Option<String>,
    /// What the job starts from.
    pub start: String,
}

impl Header {
    /// Lines for people.
    pub fn text(&self) -> String {
        let workers = self.workers.as_ref().map_or(String::new(), |a| format!("workers      connect to {a}\n"));
        let rest = self.rest.as_ref().map_or("off".to_string(), |a| format!("http://{a}"));
        format!(
            "job          {} ({})\n\
             tables       {} → {}\n\
             parallelism  {}, state in {}\n\
             checkpoints  {}\n\
             rest         {rest}\n\
             {workers}\
             start        {}\n",
            self.job, self.file, self.sources, self.sinks, self.parallelism, self.backend, self.checkpoints, self.start
        )
    }
}

/// What the end of a run is told with.
pub struct Footer<'a> {
    /// How it ended.
    pub outcome: &'a JobOutcome,
    /// How long it ran.
    pub ran: Duration,
    /// Rows.
    pub figures: Figures,
    /// Restarts.
    pub restarts: u64,
    /// Checkpoints of this run.
    pub checkpoints: Checkpoints,
    /// Job name.
    pub job: &'a str,
    /// The command that runs it again.
    pub again: String,
    /// Where checkpoints lie; `None` when they are gone with the process.
    pub storage: Option<&'a str>,
    /// The storage is the default one.
    pub default_storage: bool,
}

impl Footer<'_> {
    /// Lines for people.
    pub fn text(&self) -> String {
        let run = &self.again;
        let (end, next) = match self.outcome {
            JobOutcome::Finished { .. } => ("finished", None),
            JobOutcome::AlreadyFinished { checkpoint } => {
                return format!(
                    "nothing to do: the last run finished or was drained, see {checkpoint}\n  to run it again from the start: {run} --from none\n"
                );
            }
            JobOutcome::Stopped { kind, location, drained: true } => {
                let end =
                    if kind.is_savepoint() { "drained and stopped with a savepoint" } else { "drained and stopped" };
                (end, Some(format!("{:<12} {location}\nanew         {run} --from none\n", kind.word())))
            }
            JobOutcome::Stopped { kind, location, .. } if kind.is_savepoint() => (
                "stopped with a savepoint",
                Some(format!("savepoint    {location}\nresume       {run} --from {location}\n")),
            ),
            // It is the job's newest own state.
            JobOutcome::Stopped { location, .. } => {
                ("stopped", Some(format!("checkpoint   {location}\nresume       {run}\n")))
            }
            JobOutcome::Suspended { checkpoint: Some(checkpoint) } => {
                ("suspended", Some(format!("checkpoint   {checkpoint}\nresume       {run}\n")))
            }
            JobOutcome::Suspended { checkpoint: None } => {
                ("suspended without a last checkpoint", Some(format!("resume       {run}\n")))
            }
            JobOutcome::Canceled if self.storage.is_some() && self.checkpoints.latest.completed.is_some() => {
                ("canceled", Some(format!("resume       {run}\n")))
            }
            JobOutcome::Canceled => ("canceled", None),
            JobOutcome::Failed(_) => ("failed", None),
        };
        let f = &self.figures;
        let mut text = format!(
            "{end} after {}: {} rows in, {} rows out",
            units::span(self.ran),
            units::count(f.rows_in),
            units::count(f.rows_out)
        );
        for (n, what) in [(f.late, "late"), (f.skipped, "skipped")] {
            if n > 0 {
                text.push_str(&format!(", {} {what}", units::count(n)));
            }
        }
        if self.restarts > 0 {
            text.push_str(&format!(" since the last of {} restarts", self.restarts));
        }
        text.push('\n');
        let c = &self.checkpoints.counts;
        text.push_str(&format!("checkpoints  {} completed", c.completed));
        if c.failed > 0 {
            text.push_str(&format!(", {} failed", c.failed));
        }
        if let Some(last) = self.checkpoints.latest.completed.as_ref().filter(|_| c.completed > 0) {
            text.push_str(&format!(", the last chk-{} of {}", last.id, units::bytes(last.state_size.unwrap_or(0))));
        }
        if let (Some(storage), true) = (self.storage, c.completed > 0) {
            let at = if self.default_storage { String::new() } else { format!(" --storage {storage}") };
            text.push_str(&format!(" in {storage}\n             streamjob checkpoint list{at} --job {}", self.job));
        }
        text.push('\n');
        text.push_str(&next.unwrap_or_default());
        text
    }
}

/// The command that runs a job again. Secrets are left to whoever types it.
pub fn again(job: &JobArgs) -> String {
    let mut command = format!("streamjob run {}", quoted(&job.file.display().to_string()));
    if let Some(parallelism) = job.over.parallelism {
        command.push_str(&format!(" --parallelism {parallelism}"));
    }
    for (key, value) in &job.over.set {
        let secret = ["secret", "password", "access-key", "token"].iter().any(|word| key.contains(word));
        let value = if secret { "…" } else { value.as_str() };
        command.push_str(&format!(" --set {}", quoted(&format!("{key}={value}"))));
    }
    command
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+…".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_string()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::args::OverlayArgs;

    #[test]
    fn a_run_is_repeated_with_all_that_it_was_given_but_secrets() {
        let set = |key: &str, value: &str| (key.to_string(), value.to_string());
        let job = |file: &str, parallelism, set| JobArgs { file: file.into(), over: OverlayArgs { parallelism, set } };
        for (job, expected) in [
            (job("a.sql", None, vec![]), "streamjob run a.sql"),
            (
                job("my job.sql", Some(2), vec![set("execution.checkpointing.dir", "s3://b/c"), set("k", "10 s")]),
                "streamjob run 'my job.sql' --parallelism 2 --set execution.checkpointing.dir=s3://b/c --set 'k=10 s'",
            ),
            (
                job("it's.sql", None, vec![set("s3.secret-key", "x")]),
                r"streamjob run 'it'\''s.sql' --set s3.secret-key=…",
            ),
        ] {
            assert_eq!(again(&job), expected);
        }
    }
}
