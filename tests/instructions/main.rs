//! Instructions a row of three kernels and of one small job, against the committed
//! `baseline.json`. Valgrind counts them; the difference of two sizes divided by the
//! difference in rows leaves start-up out. `scripts/instructions` builds what is run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use streamjob_tests::kernels::ROWS;

/// By so much a figure may differ from the baseline, either way. Runs of one build differ by 0.02 %, at any load.
const MARGIN: f64 = 0.05;

const JOB: &str =
    "CREATE TABLE order_behavior (uid BIGINT, item BIGINT, amount DOUBLE) WITH ('connector'='datagen', 'seed'='1',
  'rows-per-second'='1000000000', 'number-of-rows'='{rows}', 'fields.uid.min'='1', 'fields.uid.max'='20000');
CREATE TABLE order_cnt (uid BIGINT, cnt BIGINT) WITH ('connector'='blackhole');
INSERT INTO order_cnt SELECT uid, COUNT(*) AS cnt FROM order_behavior GROUP BY uid;";

/// What is measured: its two sizes, and the rows of one unit of size.
const MEASURED: [(&str, [u64; 2], u64); 4] = [
    ("partition", [20, 120], ROWS as u64),
    ("groups", [20, 120], ROWS as u64),
    ("frames", [20, 120], ROWS as u64),
    ("job", [250_000, 1_250_000], 1),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions")
}

/// A program that stands beside the folder of this test.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.is_file(), "{} is missing: scripts/instructions builds it and runs this", program.display());
    program
}

/// The instructions that a command takes, in all its threads.
fn instructions(command: &[String], dir: &Path) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--fair-sched=yes"]);
    // Of the C library's copies, those that every x86-64 processor has. Others count otherwise: `rep movsb`, which it
    // prefers where it is fast, is an instruction a byte here, and four times the whole of "frames".
    valgrind.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-ERMS,-FSRM");
    valgrind.env_remove("RUST_LOG").args(command).current_dir(dir);
    let done = valgrind.output().expect("valgrind runs");
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?} fails under valgrind: {told}");
    let line = told
        .lines()
        .find_map(|l| l.split_once("I refs:"))
        .or_else(|| told.lines().find_map(|l| l.split_once("I   refs:")));
    let (_, number) = line.unwrap_or_else(|| panic!("valgrind counts nothing: {told}"));
    number.trim().replace(',', "").parse().unwrap()
}

fn of_size(name: &str, size: u64) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>();
    if name != "job" {
        let program = program("streamjob-kernels").display().to_string();
        return instructions(&words(&[&program, name, &size.to_string()]), dir.path());
    }
    std::fs::write(dir.path().join("job.sql"), JOB.replace("{rows}", &size.to_string())).unwrap();
    let program = program("streamjob").display().to_string();
    let options = ["--set", "state.backend.type=hashmap", "--set", "execution.checkpointing.interval=10 min"];
    let command = [&[program.as_str(), "run", "job.sql", "--no-rest", "-p", "1"], &options[..]].concat();
    instructions(&words(&command), dir.path())
}

fn counted() -> BTreeMap<&'static str, f64> {
    let a_row = |(name, [small, large], rows): (&'static str, [u64; 2], u64)| {
        let (few, many) = (of_size(name, small), of_size(name, large));
        let a_row = (many as f64 - few as f64) / ((large - small) * rows) as f64;
        println!("{name:<10} {a_row:>8.1} instructions a row");
        (name, (a_row * 10.0).round() / 10.0)
    };
    MEASURED.into_iter().map(a_row).collect()
}

#[test]
fn instructions_a_row_are_those_of_the_baseline() {
    let here = cfg!(target_arch = "x86_64") && Command::new("valgrind").arg("--version").output().is_ok();
    if !here {
        assert!(std::env::var_os("CI").is_none(), "valgrind is missing: scripts/setup installs it");
        println!("SKIPPED: no valgrind (scripts/setup installs it), or no x86-64");
        return;
    }
    let (counted, file) = (counted(), folder().join("baseline.json"));
    if std::env::var_os("UPDATE_BASELINE").is_some() {
        std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&counted).unwrap())).unwrap();
        return;
    }
    let baseline: BTreeMap<String, f64> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (name, now) in counted {
        let was = baseline[name];
        let change = now / was - 1.0;
        if change.abs() > MARGIN {
            let verdict = if change > 0.0 { "more" } else { "less" };
            wrong.push(format!("{name}: {now} instructions a row, {:.1} % {verdict} than {was}", change.abs() * 100.0));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nwhen that is right, record it: UPDATE_BASELINE=1 scripts/instructions, and say why in the commit",
        wrong.join("\n")
    );
}
