//! The `streamjob` command: runs a job in this process or on workers, and talks to running
//! jobs and to checkpoint storage. Decides nothing about jobs itself: it turns
//! files and arguments into settings, and answers into text and exit codes.

mod args;
mod checkpoints;
mod client;
mod jobs;
mod lint;
mod live;
mod log;
mod plan;
mod reference;
mod report;
mod run;
mod settings;
mod signals;
mod summary;
mod units;
mod worker;

use args::{Cli, Command};
use clap::Parser;
use report::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::init(
        cli.log_format,
        cli.verbose,
        matches!(cli.command, Command::Run(_) | Command::Coordinator(_) | Command::Worker(_)),
    );
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::fail(&failure),
    }
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Run(args) => run::run(args),
        Command::Coordinator(args) => run::coordinator(args),
        Command::Worker(args) => worker::run(args),
        Command::Explain(args) => plan::explain(args),
        Command::Validate(args) => plan::validate(args),
        Command::Checkpoint(args) => checkpoints::run(args),
        Command::Savepoint(args) => client::savepoint(args),
        Command::Stop(args) => client::stop(args),
        Command::Rescale(args) => client::rescale(args),
        Command::Cancel(args) => client::cancel(args),
        Command::List(args) => client::list(args),
        Command::Options { markdown, pattern } => reference::options(*markdown, pattern.as_deref()),
        Command::Functions => reference::functions(),
        Command::Crds => reference::crds(),
        Command::Version => reference::version(),
    }
}
