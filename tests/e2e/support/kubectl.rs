//! kubectl, as a user runs it.

use std::process::{Command, Stdio};

/// Runs it; what it said on standard output, or on standard error when it failed.
pub fn kubectl(args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    let done = command.args(args).stdin(Stdio::null()).output().expect("kubectl on the PATH");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

/// As [`kubectl`], out of the way of the tasks of this test.
pub async fn run(args: &[&str]) -> Result<String, String> {
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    tokio::task::spawn_blocking(move || kubectl(&args.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap()
}
