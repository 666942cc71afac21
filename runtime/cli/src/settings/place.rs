//! Where checkpoints go, and how S3 is reached.

use crate::args::LOCAL_CHECKPOINTS;
use std::time::Duration;
use streamjob_checkpoint::S3Config;
use streamjob_core::options::Options;
use streamjob_core::{Error, Result};
use streamjob_crds::{Storage, StorageOptions, StreamJob};

/// Checkpoint storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This process's memory.
    Memory,
    /// A folder or bucket.
    At(String),
}

const BACKEND: &str = "state.backend.type";
const STORAGE: &str = "execution.checkpointing.storage";
const DIR: &str = "execution.checkpointing.dir";

impl Place {
    /// The storage that the options ask for; `.streamjob/checkpoints` without any.
    pub fn of(options: &Options) -> Self {
        match options.text(STORAGE) {
            Some(kind) if kind.eq_ignore_ascii_case("jobmanager") => Place::Memory,
            _ => Place::At(options.text(DIR).unwrap_or(LOCAL_CHECKPOINTS).to_string()),
        }
    }
}

/// Flink's old backend names stand for heap state with a storage; a storage that is set wins.
pub fn expand_backend(options: &mut Options) -> Result<()> {
    let storage = match options.explicit(BACKEND).map(str::to_ascii_lowercase).as_deref() {
        Some("filesystem") => "filesystem",
        Some("jobmanager") => "jobmanager",
        _ => return Ok(()),
    };
    options.set(BACKEND, "hashmap")?;
    if options.explicit(STORAGE).is_none() {
        options.set(STORAGE, storage)?;
    }
    Ok(())
}

/// The options of a manifest's storage.
pub fn of_manifest(storage: &Storage) -> Result<Vec<(&'static str, String)>> {
    let options = storage.options().map_err(|e| Error::user(format!("{}: {}", e.path, e.message)).fix(e.fix))?;
    Ok(match options {
        StorageOptions::Memory => vec![(STORAGE, "jobmanager".into())],
        StorageOptions::FileSystem(folder) => {
            vec![(STORAGE, "filesystem".into()), (DIR, folder.local_path().to_string())]
        }
        StorageOptions::S3(s3) => {
            let location = match &s3.prefix {
                Some(prefix) => format!("s3://{}/{prefix}", s3.bucket),
                None => format!("s3://{}", s3.bucket),
            };
            let mut out = vec![
                (STORAGE, "filesystem".into()),
                (DIR, location),
                ("s3.path.style.access", s3.path_style.to_string()),
            ];
            out.extend(s3.endpoint.clone().map(|e| ("s3.endpoint", e)));
            out.extend(s3.region.clone().map(|r| ("s3.region", r)));
            out
        }
    })
}

/// How S3 is reached: the options, else the AWS_* environment and what the AWS tools set up.
pub fn s3_config(options: &Options) -> Result<S3Config> {
    let text = |key: &str| options.explicit(key).map(str::to_string).filter(|v| !v.is_empty());
    let (access_key, secret_key) = (text("s3.access-key"), text("s3.secret-key"));
    if access_key.is_some() != secret_key.is_some() {
        return Err(Error::user("one of the options 's3.access-key' and 's3.secret-key' is set without the other")
            .fix("set both, or neither and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"));
    }
    let environment = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let endpoint =
        text("s3.endpoint").or_else(|| environment("AWS_ENDPOINT_URL_S3")).or_else(|| environment("AWS_ENDPOINT_URL"));
    Ok(S3Config {
        endpoint,
        region: text("s3.region"),
        path_style: options.bool("s3.path.style.access"),
        access_key,
        secret_key,
        connect_timeout: positive(options, "s3.connection.establish.timeout")?,
        attempt_timeout: positive(options, "s3.connection.timeout")?,
        attempts: options.int("s3.attempts.maximum").and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        ..S3Config::default()
    })
}

/// A duration that must not be zero.
fn positive(options: &Options, key: &str) -> Result<Duration> {
    options
        .duration(key)
        .filter(|d| !d.is_zero())
        .ok_or_else(|| Error::user(format!("option '{key}' is zero")).fix("give a duration such as 60 s"))
}

/// A Secret cannot be read here: says what is used in its place.
pub fn credentials_note(job: &StreamJob, options: &Options, place: &Place) -> Option<String> {
    let Place::At(location) = place else { return None };
    let secret = job.spec.checkpoint.storage.s3.as_ref()?.credentials_secret_ref.as_ref()?;
    let known = options.explicit("s3.access-key").is_some() || std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
    (location.starts_with("s3") && !known).then(|| {
        format!(
            "spec.checkpoint.storage.s3.credentialsSecretRef names the Secret '{}' of a cluster; here AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY count, which are not set",
            secret.name
        )
    })
}
