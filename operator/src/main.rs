//! The `streamjob-operator` command.

mod args;
mod check;

use std::io::Write;
use std::process::ExitCode;

use args::{Cli, Command, LogFormat, Run};
use clap::Parser;
use streamjob_crds::crd;
use streamjob_operator::controller::{self, Options};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Crd => crds(),
        Command::Check { files } => check::check(&files),
    }
}

fn crds() -> ExitCode {
    let print = || {
        for definition in [crd::stream_job(), crd::stream_job_snapshot()] {
            let text = crd::yaml(definition.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
            write!(std::io::stdout(), "---\n{text}").map_err(|e| e.to_string())?;
        }
        Ok::<_, String>(())
    };
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Run) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,streamjob_operator=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(operate(args)),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn operate(args: Run) -> Result<(), String> {
    let pod = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let namespace = args.lease_namespace.or_else(|| pod("POD_NAMESPACE")).unwrap_or_else(|| "default".to_owned());
    let identity = pod("POD_NAME").unwrap_or_else(|| format!("streamjob-operator-{}", uuid::Uuid::new_v4()));
    let options = Options {
        namespaces: args.namespaces.into_iter().filter(|n| !n.is_empty()).collect(),
        image: args.image,
        bind: args.bind,
        lease: (!args.no_leader_election).then_some((namespace, args.lease_name)),
        identity,
    };
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("asked to end");
        stop.send_replace(true);
        std::future::pending::<()>().await;
    });
    controller::run(options, stopped).await.map_err(|e| e.to_string())
}
