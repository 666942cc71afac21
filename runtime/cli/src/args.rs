//! The command line: verbs, arguments, and their help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Checkpoints of local runs, unless the job says otherwise.
pub const LOCAL_CHECKPOINTS: &str = ".streamjob/checkpoints";

/// Stream processing: SQL jobs with exactly-once state, on one machine or in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "streamjob", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 the job or the environment failed, 2 something to correct in what was given."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Form of log lines on standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// More log lines; twice for all of them.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job in this process.
    ///
    /// FILE is a StreamJob manifest (YAML) or a bare .sql file. Rows of print tables go to standard output,
    /// everything else to standard error. Ctrl-C takes a last checkpoint and ends; the next run goes on from there.
    #[command(after_help = "Examples:
  streamjob run job.yaml
  streamjob run counts.sql --parallelism 4 --set execution.checkpointing.interval=10s
  streamjob run job.yaml --from none                      start empty, as a new lineage
  streamjob run job.yaml --from savepoints/savepoint-ab12  start from this savepoint")]
    Run(RunArgs),
    /// Run a job on workers: this process plans, deploys and checkpoints, `streamjob worker` processes do the work.
    ///
    /// Waits until workers with enough slots are there (as many as the job's parallelism). Ctrl-C or SIGTERM takes a last
    /// checkpoint and ends; workers wait for the next coordinator. When the job is over, they end too.
    #[command(after_help = "Examples:
  streamjob coordinator --job job.yaml
  streamjob coordinator --job job.yaml --bind 0.0.0.0:6123 --tls /etc/streamjob/tls
  streamjob worker --coordinator 127.0.0.1:6123 --slots 2")]
    Coordinator(CoordinatorArgs),
    /// Run tasks for a coordinator.
    ///
    /// Registers, runs what it is given, and goes on with it while the coordinator is away. Ends when the job is over. The
    /// first SIGTERM or Ctrl-C hands its tasks back, the second ends the process.
    #[command(after_help = "Examples:
  streamjob worker --coordinator 127.0.0.1:6123
  streamjob worker --coordinator job-coordinator:6123 --slots 4 --id worker-0 --bind 0.0.0.0:6124 --tls /etc/streamjob/tls")]
    Worker(WorkerArgs),
    /// Show what a job would run: the plan with changelog modes, and the job graph.
    #[command(after_help = "Example:\n  streamjob explain job.yaml")]
    Explain(JobArgs),
    /// Check a manifest or script without running it.
    #[command(after_help = "Example:\n  streamjob validate job.yaml && streamjob run job.yaml")]
    Validate(JobArgs),
    /// Look into checkpoint storage.
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Take a savepoint of a running job and print where it lies.
    #[command(after_help = "Examples:
  streamjob savepoint
  streamjob savepoint order-count --target /backups
  streamjob savepoint --address 10.0.0.7:8081")]
    Savepoint(SavepointArgs),
    /// Stop a running job with a savepoint and print where it lies.
    #[command(after_help = "Examples:
  streamjob stop order-count
  streamjob stop order-count --drain    emit everything that is pending first; the job is then done for good")]
    Stop(StopArgs),
    /// Change the parallelism of a running job and print how long no task ran.
    #[command(after_help = "Examples:
  streamjob rescale 4
  streamjob rescale 4 order-count
  streamjob rescale 8 --address 10.0.0.7:8081")]
    Rescale(RescaleArgs),
    /// Cancel a running job, without a savepoint.
    #[command(after_help = "Example:\n  streamjob cancel order-count")]
    Cancel(TargetArgs),
    /// List the jobs that run from this folder.
    List(ListArgs),
    /// List the runtime's options.
    #[command(after_help = "Examples:
  streamjob options checkpointing
  streamjob options --markdown > docs/options.md")]
    Options {
        /// As a Markdown page.
        #[arg(long, conflicts_with = "pattern")]
        markdown: bool,
        /// Only options whose name or meaning contains this text.
        pattern: Option<String>,
    },
    /// List the SQL functions, as a Markdown page.
    Functions,
    /// Print the Kubernetes custom resource definitions.
    #[command(after_help = "Example:\n  streamjob crds | kubectl apply --server-side -f -")]
    Crds,
    /// Print the version.
    Version,
}

/// A job and what is laid over its file.
#[derive(Debug, Clone, Args)]
pub struct JobArgs {
    /// StreamJob manifest (YAML) or .sql file.
    pub file: PathBuf,
    /// What is laid over it.
    #[command(flatten)]
    pub over: OverlayArgs,
}

/// What is laid over a job's file.
#[derive(Debug, Clone, Args)]
pub struct OverlayArgs {
    /// Subtasks of an operator; wins over the file.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32_768))]
    pub parallelism: Option<u32>,
    /// Sets an option; wins over the file. Can be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// How it starts.
    #[command(flatten)]
    pub start: StartArgs,
}

/// How a job starts.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// What to start from: auto (the newest own checkpoint, else empty), latest (whoever wrote it), none (empty), or the
    /// path of a checkpoint or savepoint. Default: the manifest's restore.from.
    #[arg(long, value_name = "auto|latest|none|PATH")]
    pub from: Option<String>,
    /// Go on although the restored state has parts that the job no longer has; they are dropped.
    #[arg(long)]
    pub allow_non_restored_state: bool,
    /// Own what the job is restored from, and delete it when it is no longer needed.
    #[arg(long)]
    pub claim: bool,
    /// No REST API; the job can then only be stopped by signals.
    #[arg(long)]
    pub no_rest: bool,
}

/// `coordinator`.
#[derive(Debug, Clone, Args)]
pub struct CoordinatorArgs {
    /// StreamJob manifest (YAML) or .sql file.
    #[arg(long, value_name = "FILE")]
    pub job: PathBuf,
    /// What is laid over it.
    #[command(flatten)]
    pub over: OverlayArgs,
    /// How it starts.
    #[command(flatten)]
    pub start: StartArgs,
    /// Address that workers connect to; port 0 for any.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6123")]
    pub bind: String,
    /// Mutual TLS with the workers, by ca.crt, tls.crt and tls.key in this folder.
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Plan the job, check whether its state fits, take workers in, and wait for POST /jobs/:job/go.
    #[arg(long)]
    pub standby: bool,
    /// Who the job belongs to: --from auto goes on from state of this owner only.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Which form of the job this is. When the same owner and revision ran last, this process takes the place of the one
    /// that was lost: it goes on from the job's own state, without --standby and --from; if that one was stopped with a
    /// savepoint, there is nothing to do.
    #[arg(long, value_name = "NAME")]
    pub revision: Option<String>,
}

impl CoordinatorArgs {
    /// The same job as `run` would take it.
    pub fn run(&self) -> RunArgs {
        let job = JobArgs { file: self.job.clone(), over: self.over.clone() };
        RunArgs { job, start: self.start.clone() }
    }
}

/// `worker`.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Where the coordinator listens for workers (its --bind).
    #[arg(long, value_name = "HOST:PORT")]
    pub coordinator: String,
    /// Subtasks of each operator that run here.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots: u32,
    /// Name that stays the same over restarts, one for each worker. Default: host name and process id.
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Address that other workers send rows to. Default: any port, on the address that leads to the coordinator.
    #[arg(long, value_name = "HOST:PORT")]
    pub bind: Option<String>,
    /// Where /health/live, /health/ready and /metrics are served. Default: nowhere.
    #[arg(long, value_name = "HOST:PORT")]
    pub http: Option<String>,
    /// How other workers find that address, when they need another one; port 0 stands for the port of --bind.
    #[arg(long, value_name = "HOST:PORT")]
    pub advertise: Option<String>,
    /// Mutual TLS with coordinator and workers, by ca.crt, tls.crt and tls.key in this folder.
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
}

/// `checkpoint …`.
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// List the checkpoints and savepoints of a job, newest last.
    #[command(after_help = "Examples:
  streamjob checkpoint list
  streamjob checkpoint list --storage s3://checkpoints/shop --job order-count --json")]
    List(HistoryArgs),
    /// Print the manifest of a checkpoint or savepoint.
    #[command(after_help = "Examples:
  streamjob checkpoint inspect --job order-count          the newest one
  streamjob checkpoint inspect .streamjob/checkpoints/default/order-count/0f…/chk-7 --json")]
    Inspect(PointArgs),
    /// Check that every file of a checkpoint is there, with its size and checksum.
    #[command(after_help = "Example:\n  streamjob checkpoint verify savepoints/savepoint-ab12")]
    Verify(PointArgs),
    /// Compare all that lies in a job's folder with its checkpoints and savepoints: missing files, and leftovers.
    #[command(
        after_help = "Files of a checkpoint that is under way are leftovers as long as it is. Code 2 when something is missing.

Examples:
  streamjob checkpoint fsck
  streamjob checkpoint fsck --storage s3://checkpoints/shop --job order-count --json"
    )]
    Fsck(FsckArgs),
}

/// Where checkpoints lie.
#[derive(Debug, Clone, Args)]
pub struct StorageArgs {
    /// Root of the checkpoints: a folder, file:// or s3://bucket/prefix. S3 is reached by the AWS_* environment.
    #[arg(long, value_name = "LOCATION", default_value = LOCAL_CHECKPOINTS)]
    pub storage: String,
    /// Sets an option that says how to reach storage (s3.endpoint, s3.region, s3.path.style.access, …).
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// Namespace of the job.
    #[arg(long, default_value = "default")]
    pub namespace: String,
    /// Name of the job. Default: the only one that is there.
    #[arg(long)]
    pub job: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `checkpoint list`.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// Where they lie.
    #[command(flatten)]
    pub at: StorageArgs,
}

/// `checkpoint fsck`.
#[derive(Debug, Clone, Args)]
pub struct FsckArgs {
    /// Read every file and compare its checksum, too.
    #[arg(long)]
    pub deep: bool,
    /// Where they lie.
    #[command(flatten)]
    pub at: StorageArgs,
}

/// `checkpoint inspect` and `verify`.
#[derive(Debug, Clone, Args)]
pub struct PointArgs {
    /// Folder of a checkpoint or savepoint, its _metadata, or its number in the list. Default: the newest of the job.
    pub path: Option<String>,
    /// Where they lie.
    #[command(flatten)]
    pub at: StorageArgs,
}

/// Which running job.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// Name or id of the job. Default: the only one that runs here.
    pub job: Option<String>,
    /// REST address of the job. Default: that of the job that runs from this folder, else 127.0.0.1:8081.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
}

/// `savepoint`.
#[derive(Debug, Clone, Args)]
pub struct SavepointArgs {
    /// The job.
    #[command(flatten)]
    pub at: TargetArgs,
    /// Folder to put the savepoint into. Default: the job's own.
    #[arg(long, value_name = "DIR")]
    pub target: Option<String>,
    /// Delete the savepoint at PATH instead, unless it is what its job would go on from. No job need run.
    #[arg(long, short, value_name = "PATH", conflicts_with_all = ["job", "address", "target"])]
    pub dispose: Option<String>,
    /// With --dispose: root of the job's checkpoints, if the savepoint does not lie there.
    #[arg(long, value_name = "LOCATION", default_value = LOCAL_CHECKPOINTS, requires = "dispose")]
    pub storage: String,
    /// With --dispose: sets an option that says how to reach storage (s3.endpoint, s3.region, …).
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value, requires = "dispose")]
    pub set: Vec<(String, String)>,
}

/// `stop`.
#[derive(Debug, Clone, Args)]
pub struct StopArgs {
    /// The job.
    #[command(flatten)]
    pub at: TargetArgs,
    /// Send the largest watermark first, so that open windows are emitted. The job cannot go on from there.
    #[arg(long)]
    pub drain: bool,
    /// Stop behind a checkpoint instead of a savepoint: quick, however large the state.
    #[arg(long, conflicts_with = "target")]
    pub checkpoint: bool,
    /// Folder to put the savepoint into. Default: the job's own.
    #[arg(long, value_name = "DIR")]
    pub target: Option<String>,
}

/// `rescale`.
#[derive(Debug, Clone, Args)]
pub struct RescaleArgs {
    /// New parallelism: subtasks of every operator that has none of its own.
    pub parallelism: u32,
    /// Name or id of the job. Default: the only one that runs here.
    pub job: Option<String>,
    /// REST address of the job. Default: that of the job that runs from this folder, else 127.0.0.1:8081.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<String>,
}

/// `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Splits `key=value`; the value may hold more equals signs.
fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.trim().to_string())),
        Some(_) => Err("the name before '=' is empty; write key=value".into()),
        None => Err("there is no '='; write key=value, such as execution.checkpointing.interval=10s".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn set_takes_key_and_value() {
        let table = [
            ("a=b", Ok(("a", "b"))),
            ("a.b = 10 s", Ok(("a.b", "10 s"))),
            ("a=b=c", Ok(("a", "b=c"))),
            ("a=", Ok(("a", ""))),
            ("a", Err("no '='")),
            ("=b", Err("empty")),
            (" =b", Err("empty")),
        ];
        for (text, expected) in table {
            match (key_value(text), expected) {
                (Ok((k, v)), Ok(e)) => assert_eq!((k.as_str(), v.as_str()), e, "{text}"),
                (Err(m), Err(part)) => assert!(m.contains(part), "{text}: {m}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn arguments_that_do_not_fit_end_with_code_2() {
        for line in [
            "run",
            "run a.sql --set x",
            "run a.sql --parallelism 0",
            "run a.sql --parallelism many",
            "run a.sql --wat",
            "fly",
            "options --markdown state",
            "coordinator",
            "coordinator a.sql",
            "worker",
            "worker --coordinator h:1 --slots 0",
        ] {
            let error = Cli::try_parse_from(std::iter::once("streamjob").chain(line.split(' '))).err();
            assert_eq!(error.map(|e| e.exit_code()), Some(2), "{line}");
        }
    }

    #[test]
    fn run_takes_all_its_arguments() {
        let line = "streamjob run a.sql --from none -p 3 --set a=b --set c=d --claim --no-rest --allow-non-restored-state -v --log-format json";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!((cli.verbose, cli.log_format), (1, LogFormat::Json));
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.start.from.as_deref(), Some("none"));
        assert_eq!((run.job.over.parallelism, run.job.over.set.len()), (Some(3), 2));
        assert!(run.start.claim && run.start.no_rest && run.start.allow_non_restored_state);
    }

    #[test]
    fn a_coordinator_takes_what_run_takes() {
        let line = "streamjob coordinator --job a.sql --from none -p 3 --set a=b --claim --bind 0.0.0.0:1 --tls dir";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Coordinator(coordinator) = cli.command else { panic!("not coordinator") };
        let run = coordinator.run();
        assert_eq!((run.job.over.parallelism, run.job.file), (Some(3), PathBuf::from("a.sql")));
        assert!(run.start.claim && run.start.from.as_deref() == Some("none"));
        assert_eq!((coordinator.bind.as_str(), coordinator.tls), ("0.0.0.0:1", Some("dir".into())));
    }
}
