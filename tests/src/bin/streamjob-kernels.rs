//! `streamjob-kernels KERNEL BATCHES`: one kernel over so many batches, for tools
//! that count. What it costs beside the batches is the same for any number of them.

use std::hint::black_box;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use streamjob_state::HeapFactory;
use streamjob_tests::kernels::{Counts, batches, exchange, open, over_the_wire, schema};

/// Different batches, used in turn.
const DIFFERENT: usize = 8;
/// Keys in the table: all are there after the warm-up.
const KEYS: u64 = 20_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.as_slice() {
        [kernel, number] => run(kernel, number),
        _ => Err(Error::user("usage: streamjob-kernels partition|groups|frames BATCHES")),
    };
    if let Err(e) = outcome {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn run(kernel: &str, number: &str) -> Result<()> {
    let number = number.parse().user("BATCHES is no number")?;
    let batches = batches(DIFFERENT, KEYS)?;
    let mut turns = batches.iter().cycle().take(number);
    match kernel {
        "partition" => {
            let mut exchange = exchange();
            turns.try_for_each(|batch| black_box(exchange.route(batch.clone())).map(|_| ()))
        }
        "groups" => {
            let nowhere = std::env::temp_dir();
            let mut counts = Counts::new(open(&HeapFactory::default(), &nowhere, 1 << 30)?)?;
            batches.iter().chain(turns).try_for_each(|batch| black_box(counts.add(batch)).map(|_| ()))
        }
        "frames" => {
            let schema = schema();
            turns.try_for_each(|batch| black_box(over_the_wire(batch, &schema)).map(|_| ()))
        }
        _ => Err(Error::user(format!("there is no kernel '{kernel}'"))),
    }
}
