//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Runs stream jobs on Kubernetes: makes clusters do what StreamJobs ask for.
#[derive(Parser)]
#[command(name = "streamjob-operator", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run the operator, in a pod or with KUBECONFIG.
    Run(Run),
    /// Print the CustomResourceDefinitions.
    Crd,
    /// Judge manifests as the operator would, without a cluster.
    Check {
        /// Manifests of StreamJobs.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// How it runs.
#[derive(clap::Args)]
pub struct Run {
    /// Namespaces to look at, with commas between them; none: all.
    #[arg(long, env = "STREAMJOB_OPERATOR_NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// Runtime image of jobs that have no spec.image.
    #[arg(long, env = "STREAMJOB_OPERATOR_IMAGE", default_value = concat!("streamjob:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// Where /health/live, /health/ready and /metrics are served.
    #[arg(long, env = "STREAMJOB_OPERATOR_BIND", default_value = "0.0.0.0:8080")]
    pub bind: SocketAddr,
    /// Name of the Lease by which one operator leads.
    #[arg(long, env = "STREAMJOB_OPERATOR_LEASE_NAME", default_value = "streamjob-operator")]
    pub lease_name: String,
    /// Namespace of the Lease; default: that of the pod.
    #[arg(long, env = "STREAMJOB_OPERATOR_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Lead without a Lease: only where no second operator can be.
    #[arg(long)]
    pub no_leader_election: bool,
    /// Form of the log.
    #[arg(long, env = "STREAMJOB_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
