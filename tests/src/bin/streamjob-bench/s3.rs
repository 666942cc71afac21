//! A real S3 server for the benches: versitygw, as `scripts/install-versitygw` installs it.

use crate::processes::{Process, free_port};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};

const KEY: &str = "streamjob-bench";

/// Runs until it is dropped. Objects of its bucket `bucket` are files below `dir/s3/bucket`.
pub struct Gateway {
    endpoint: String,
    _process: Process,
}

impl Gateway {
    /// Starts it over `dir`. `None` where it is not installed.
    pub fn start(dir: &Path) -> Result<Option<Self>> {
        let Some(binary) = binary() else { return Ok(None) };
        // Its own folders must not begin alike.
        let (root, side) = (dir.join("s3"), dir.join("metadata"));
        for folder in [root.join("bucket"), side.clone()] {
            std::fs::create_dir_all(&folder).transient(format!("cannot create {}", folder.display()))?;
        }
        let port = free_port()?;
        let mut command = Command::new(binary);
        command.args(["--access", KEY, "--secret", KEY, "--quiet", "--port", &format!("127.0.0.1:{port}"), "posix"]);
        command.arg("--sidecar").arg(&side).arg(&root);
        let process = Process::spawn(dir, "versitygw", command)?;
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(Error::transient(format!("versitygw does not listen: {}", process.err()?)));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(Self { endpoint: format!("http://127.0.0.1:{port}"), _process: process }))
    }

    /// The options that reach it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("s3.endpoint", self.endpoint.clone()),
            ("s3.path.style.access", "true".into()),
            ("s3.access-key", KEY.into()),
            ("s3.secret-key", KEY.into()),
        ]
    }
}

fn binary() -> Option<PathBuf> {
    let own = crate::state::cache().ok()?.join("bin/versitygw");
    own.is_file().then_some(own)
}
