//! An S3 server in the test process: s3s-fs behind a door that either makes its
//! conditional writes atomic, or drops the conditions, as some gateways do.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streamjob_checkpoint::S3Config;

pub const ACCESS: &str = "test-access";
pub const SECRET: &str = "test-secret";

/// How the server treats conditional writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    Honoured,
    Ignored,
}

struct Door {
    inner: FileSystem,
    root: std::path::PathBuf,
    conditions: Conditions,
    writes: tokio::sync::Mutex<()>,
    counts: Arc<Counts>,
}

/// Requests seen.
#[derive(Debug, Default)]
pub struct Counts {
    pub puts: AtomicUsize,
    pub parts: AtomicUsize,
    pub copies: AtomicUsize,
    pub failures: AtomicUsize,
    pub aborts: AtomicUsize,
    /// Uploads whose completion takes effect and whose answer does not arrive.
    pub lost_completions: AtomicUsize,
    /// Completions of uploads that somebody else has aborted.
    pub forgotten_uploads: AtomicUsize,
    /// Ids of uploads that are objects now.
    pub completed: Mutex<HashSet<String>>,
}

fn take_one(n: &AtomicUsize) -> bool {
    n.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

macro_rules! pass {
    ($($name:ident($input:ty) -> $output:ty;)*) => {
        $(fn $name<'s, 'a>(&'s self, req: S3Request<$input>) -> Answer<'a, $output> where 's: 'a, Self: 'a {
            Box::pin(self.inner.$name(req))
        })*
    };
}

impl S3 for Door {
    pass! {
        get_object(GetObjectInput) -> GetObjectOutput;
        head_object(HeadObjectInput) -> HeadObjectOutput;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    }

    fn complete_multipart_upload<'s, 'a>(
        &'s self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<'a, CompleteMultipartUploadOutput>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            // s3s-fs takes an unknown upload for another user's; real servers do not know it.
            let id = req.input.upload_id.clone();
            if take_one(&self.counts.forgotten_uploads) || self.counts.completed.lock().unwrap().contains(&id) {
                return Err(s3s::s3_error!(NoSuchUpload));
            }
            let answer = self.inner.complete_multipart_upload(req).await?;
            self.counts.completed.lock().unwrap().insert(id);
            match take_one(&self.counts.lost_completions) {
                true => Err(s3s::s3_error!(InternalError)),
                false => Ok(answer),
            }
        })
    }

    fn abort_multipart_upload<'s, 'a>(
        &'s self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<'a, AbortMultipartUploadOutput>
    where
        's: 'a,
        Self: 'a,
    {
        self.counts.aborts.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.inner.abort_multipart_upload(req))
    }

    fn upload_part<'s, 'a>(&'s self, req: S3Request<UploadPartInput>) -> Answer<'a, UploadPartOutput>
    where
        's: 'a,
        Self: 'a,
    {
        self.counts.parts.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.inner.upload_part(req))
    }

    fn copy_object<'s, 'a>(&'s self, req: S3Request<CopyObjectInput>) -> Answer<'a, CopyObjectOutput>
    where
        's: 'a,
        Self: 'a,
    {
        self.counts.copies.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.inner.copy_object(req))
    }

    fn put_object<'s, 'a>(&'s self, mut req: S3Request<PutObjectInput>) -> Answer<'a, PutObjectOutput>
    where
        's: 'a,
        Self: 'a,
    {
        self.counts.puts.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if take_one(&self.counts.failures) {
                return Err(s3s::s3_error!(SlowDown));
            }
            // s3s-fs makes missing buckets; real servers do not.
            if !self.root.join(&req.input.bucket).is_dir() {
                return Err(s3s::s3_error!(NoSuchBucket));
            }
            let _one = self.writes.lock().await;
            if self.conditions == Conditions::Ignored {
                req.input.if_none_match = None;
                req.input.if_match = None;
            }
            self.inner.put_object(req).await
        })
    }
}

/// A running server with the bucket `bucket`; ends with the test.
pub struct Server {
    pub config: S3Config,
    pub counts: Arc<Counts>,
    _runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Server {
    /// The folder of the buckets.
    #[allow(dead_code, reason = "only the tests of the binary look at files")]
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

pub fn serve(conditions: Conditions) -> Server {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bucket")).unwrap();
    let counts = Arc::new(Counts::default());
    let inner = FileSystem::new(dir.path()).unwrap();
    let root = dir.path().to_path_buf();
    let door = Door { inner, root, conditions, writes: tokio::sync::Mutex::new(()), counts: counts.clone() };
    let mut builder = S3ServiceBuilder::new(door);
    builder.set_auth(SimpleAuth::from_single(ACCESS, SECRET));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Server { config: config(&format!("http://127.0.0.1:{port}")), counts, _runtime: runtime, dir }
}

pub fn config(endpoint: &str) -> S3Config {
    S3Config {
        endpoint: Some(endpoint.to_string()),
        path_style: true,
        access_key: Some(ACCESS.into()),
        secret_key: Some(SECRET.into()),
        attempts: 3,
        attempt_timeout: Duration::from_secs(20),
        ..S3Config::default()
    }
}
