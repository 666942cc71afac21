//! S3 servers for the binary: versitygw, a real one, in a process of its own;
//! and the one of the checkpoint crate's tests, inside of the test process.

#[path = "../../../checkpoint/tests/support/mod.rs"]
mod within;

pub use within::Conditions;

use super::PATIENCE;
use std::ffi::OsString;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const ACCESS: &str = within::ACCESS;
pub const SECRET: &str = within::SECRET;

/// A running S3 server with the bucket `bucket`.
pub struct S3 {
    pub endpoint: String,
    /// Its objects are files below this folder.
    pub bucket: PathBuf,
    server: Server,
}

enum Server {
    Gateway(Gateway),
    Within { _server: within::Server },
}

struct Gateway {
    child: Child,
    binary: PathBuf,
    args: Vec<OsString>,
}

impl Gateway {
    fn start(binary: &Path, args: Vec<OsString>, log: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(&args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log).unwrap());
        Self { child: command.spawn().unwrap(), binary: binary.to_path_buf(), args }
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl S3 {
    /// A server in this process. Its folder is its own.
    pub fn within(conditions: Conditions) -> Self {
        let server = within::serve(conditions);
        let endpoint = server.config.endpoint.clone().unwrap();
        let bucket = server.dir().join("bucket");
        Self { endpoint, bucket, server: Server::Within { _server: server } }
    }

    /// versitygw over `dir`; `meta` is how it keeps what S3 knows of an object. `None` where it is not installed,
    /// which is an error with CI=true.
    pub fn gateway(dir: &Path, meta: Meta) -> Option<Self> {
        let Some(binary) = find() else {
            let text = "versitygw is missing: scripts/install-versitygw installs it";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
            eprintln!("SKIPPED: {text}");
            return None;
        };
        // The gateway takes a folder whose name begins like its root's for one inside of it.
        let (root, side) = (dir.join("s3"), dir.join("metadata"));
        let log = dir.join("versitygw.log");
        std::fs::create_dir_all(root.join("bucket")).unwrap();
        std::fs::create_dir_all(&side).unwrap();
        let begun = Instant::now();
        loop {
            let port = free_port();
            let mut args: Vec<OsString> =
                ["--access", ACCESS, "--secret", SECRET, "--quiet", "--port"].map(Into::into).into();
            args.extend([format!("127.0.0.1:{port}").into(), "posix".into()]);
            match meta {
                Meta::Kept => args.extend(["--sidecar".into(), side.clone().into()]),
                Meta::Dropped => args.push("--nometa".into()),
            }
            args.push(root.clone().into());
            let mut gateway = Gateway::start(&binary, args, &log);
            // It ends when somebody else was quicker to take the port.
            while gateway.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let endpoint = format!("http://127.0.0.1:{port}");
                    return Some(Self { endpoint, bucket: root.join("bucket"), server: Server::Gateway(gateway) });
                }
                assert!(begun.elapsed() < PATIENCE, "versitygw does not listen");
                std::thread::sleep(Duration::from_millis(10));
            }
            let told = std::fs::read_to_string(&log).unwrap();
            assert!(told.contains("address already in use"), "versitygw does not start: {told}");
        }
    }

    fn process(&mut self) -> &mut Gateway {
        match &mut self.server {
            Server::Gateway(gateway) => gateway,
            Server::Within { .. } => panic!("a server in this process cannot be stopped"),
        }
    }

    /// From now on requests hang.
    pub fn pause(&mut self) {
        self.process().signal("STOP");
    }

    /// Goes on with what hangs.
    pub fn resume(&mut self) {
        self.process().signal("CONT");
    }

    /// Kills it: connections are refused from now on.
    pub fn kill(&mut self) {
        let gateway = self.process();
        gateway.child.kill().unwrap();
        gateway.child.wait().unwrap();
    }

    /// Starts it again at the same address, over the same objects.
    pub fn restart(&mut self, dir: &Path) {
        let gateway = self.process();
        let (binary, args) = (gateway.binary.clone(), gateway.args.clone());
        *gateway = Gateway::start(&binary, args, &dir.join("versitygw.log"));
    }

    /// The options that reach it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        options(&self.endpoint)
    }
}

/// The options that reach a server at this address.
pub fn options(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("s3.endpoint", endpoint.to_string()),
        ("s3.path.style.access", "true".into()),
        ("s3.access-key", ACCESS.into()),
        ("s3.secret-key", SECRET.into()),
    ]
}

/// What the gateway does with the metadata of objects.
#[derive(Clone, Copy)]
pub enum Meta {
    Kept,
    /// It then has no ETags, and ignores conditions of writes.
    Dropped,
}

fn find() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|h| h.join(".cache")))?;
    let own = cache.join("streamjob/bin/versitygw");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(own).chain(std::env::split_paths(&path).map(|d| d.join("versitygw"))).find(|p| p.is_file())
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
