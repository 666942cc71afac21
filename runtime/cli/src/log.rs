//! Standard error: log lines, plain notes, and the live line below them. All
//! writers of this process go through here, so that none tears the live line.

use crate::args::LogFormat;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

static FORMAT: OnceLock<LogFormat> = OnceLock::new();
static LIVE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Installs the logger. `RUST_LOG` wins over `-v`.
pub fn init(format: LogFormat, verbose: u8, job: bool) {
    let _ = FORMAT.set(format);
    // On a terminal the live line tells what the information lines would.
    let quiet = !job || (format == LogFormat::Text && io::stderr().is_terminal());
    let default = match (verbose, quiet) {
        // What the SDK says of credentials that it did not find, our error says in fewer words.
        (0, true) => "warn,aws_config=error",
        (0, false) => "warn,aws_config=error,streamjob=info",
        (1, _) => "warn,aws_config=error,streamjob=debug",
        _ => "debug,streamjob=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Console);
    let done = match format {
        LogFormat::Text => builder.with_target(false).with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(e) = done {
        let _ = writeln!(io::stderr(), "logging is off: {e}");
    }
}

/// True when standard error takes only JSON lines.
pub fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// True when a person watches standard error.
pub fn is_live() -> bool {
    !is_json() && io::stderr().is_terminal()
}

/// Lines for people; an information event in JSON logs.
pub fn note(text: &str) {
    if is_json() {
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            tracing::info!("{}", line.trim());
        }
        return;
    }
    let mut text = text.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    write_error(text.as_bytes());
}

/// Lines of an error; an error event in JSON logs.
pub fn error(text: &str) {
    if is_json() {
        tracing::error!("{}", text.trim_end());
    } else {
        note(text);
    }
}

/// Starts the live line.
pub fn live_line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    if let Ok(mut live) = LIVE.lock() {
        *live = Some(bar.clone());
    }
    bar
}

/// Removes the live line.
pub fn end_live_line() {
    if let Some(bar) = LIVE.lock().ok().and_then(|mut live| live.take()) {
        bar.finish_and_clear();
    }
}

/// Runs `write` while the live line is away.
pub fn without_live_line<T>(write: impl FnOnce() -> T) -> T {
    let bar = LIVE.lock().ok().and_then(|live| live.clone());
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A closed standard error harms nobody: the job goes on.
fn write_error(bytes: &[u8]) {
    let _ = without_live_line(|| io::stderr().lock().write_all(bytes));
}

struct Console;

impl<'a> MakeWriter<'a> for Console {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line
    }
}

struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_error(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
