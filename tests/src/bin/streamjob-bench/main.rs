//! `streamjob-bench`: what `make bench` runs. Each bench says its settings, prints
//! what it measured beside the goal, and everything goes into one JSON file, so
//! that two runs can be compared. Nothing here asserts a time.

mod checkpoint;
mod exchange;
mod flink;
mod jobs;
mod kill;
mod latency;
mod logs;
mod nexmark;
mod processes;
mod report;
mod rescale;
mod s3;
mod state;
mod usage;

use report::Report;
use std::path::PathBuf;
use streamjob_core::{Error, Result};

const USAGE: &str = "usage: streamjob-bench [--json FILE] [--gib F] [--scale F] [--only TEXT] [all | jobs | kill | rescale | checkpoint | latency | exchange | flink]…
       streamjob-bench compare OLD.json NEW.json

  jobs      whole jobs, each a process of its own: rows a second, CPU, memory, bytes written
  kill      kill -9 of a worker until the first new row, keyed state in RocksDB, folder and S3
  rescale   2→4, 4→1 and 1→2 of a running job with that state
  checkpoint  checkpoints of keyed state under 5,000 updates a second, and restores of it
  latency   a row's creation until it reaches the sink, 100,000 rows a second, a checkpoint every second
  exchange  rows between two processes beside bare TCP over loopback
  flink     jobs in Flink and here, in turn; not part of all

  --gib     of payload in the keyed state (1)
  --bytes   the same in bytes
  --scale   of the jobs' rows (1)
  --only    the jobs and cases whose name holds this text
  --json    where the figures go (bench.json)";

/// What was asked for.
struct Args {
    json: PathBuf,
    bytes: u64,
    scale: f64,
    only: String,
    benches: Vec<String>,
}

impl Args {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut args =
            Self { json: "bench.json".into(), bytes: 1 << 30, scale: 1.0, only: String::new(), benches: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| Error::user(format!("{word} needs a value")).fix(USAGE));
            match word.as_str() {
                "--json" => args.json = value()?.into(),
                "--bytes" => {
                    args.bytes = value()?.parse().map_err(|e| Error::user("--bytes is no number").caused_by(e))?;
                }
                "--gib" => {
                    let gib: f64 = value()?.parse().map_err(|e| Error::user("--gib is no number").caused_by(e))?;
                    args.bytes = (gib * f64::from(1 << 30)) as u64;
                }
                "--scale" => {
                    args.scale = value()?.parse().map_err(|e| Error::user("--scale is no number").caused_by(e))?;
                }
                "--only" => args.only = value()?,
                "all" => args
                    .benches
                    .extend(["jobs", "kill", "rescale", "checkpoint", "latency", "exchange"].map(String::from)),
                "jobs" | "kill" | "rescale" | "checkpoint" | "latency" | "exchange" | "flink" => {
                    args.benches.push(word)
                }
                _ => return Err(Error::user(format!("'{word}' is not known here")).fix(USAGE)),
            }
        }
        if args.benches.is_empty() {
            return Err(Error::user("nothing to measure").fix(USAGE));
        }
        Ok(args)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["compare", old, new] => report::compare(old.as_ref(), new.as_ref()),
        // The other process of the exchange's bench.
        ["exchange-peer", rest @ ..] => exchange::peer(rest),
        _ => Args::read(words.iter().map(ToString::to_string)).and_then(|args| run(&args)),
    };
    if let Err(e) = outcome {
        eprintln!("error: {e}");
        if let Some(fix) = e.fix_text() {
            eprintln!("{fix}");
        }
        std::process::exit(1);
    }
}

fn run(args: &Args) -> Result<()> {
    let mut report = Report::begin();
    for bench in &args.benches {
        match bench.as_str() {
            "jobs" => jobs::run(args.scale, &args.only, &mut report)?,
            "kill" => kill::run(args.bytes, &mut report)?,
            "rescale" => rescale::run(args.bytes, &mut report)?,
            "checkpoint" => checkpoint::run(args.bytes, &args.only, &mut report)?,
            "latency" => latency::run(&mut report)?,
            "flink" => flink::run(args.scale, &args.only, &mut report)?,
            _ => exchange::run(&mut report)?,
        }
    }
    report.print();
    report.write(&args.json)
}
