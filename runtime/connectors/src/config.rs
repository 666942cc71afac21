//! What connectors need from the process they run in.

use std::io::{self, Write};
use std::sync::Arc;
use streamjob_checkpoint::{ObjectStore, S3Config, S3Store};
use streamjob_core::Result;

/// Takes text of one or more whole lines, each with its line end.
pub type LineWriter = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// Opens a bucket (by name, at its root).
pub type BucketOpener = Arc<dyn Fn(&str) -> Result<Arc<dyn ObjectStore>> + Send + Sync>;

/// Settings of the process, shared by all tables.
#[derive(Clone)]
pub struct ConnectorConfig {
    /// Where the print connector writes to; standard output by default.
    pub output: LineWriter,
    /// Where it writes to with `standard-error`; standard error by default.
    pub error_output: LineWriter,
    /// How `s3://` paths are opened.
    pub open_bucket: BucketOpener,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self::with_s3(S3Config::default())
    }
}

impl ConnectorConfig {
    /// Standard output and error, and buckets by these S3 settings.
    pub fn with_s3(s3: S3Config) -> Self {
        Self {
            output: Arc::new(|text| {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }),
            error_output: Arc::new(|text| io::stderr().lock().write_all(text.as_bytes())),
            open_bucket: Arc::new(move |bucket| Ok(Arc::new(S3Store::open(bucket, "", &s3)?))),
        }
    }
}
