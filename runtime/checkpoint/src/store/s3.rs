//! Objects in an S3 bucket below a prefix. Requests run on a tokio runtime of
//! the store's own (or one passed in); callers block. The SDK retries with
//! backoff; conflicts of conditional writes and torn downloads are retried here.

use super::s3_error::{Failure, Place, describe};
use super::s3_parts::{Streamed, upload_file};
use super::{Conditional, Object, ObjectMeta, ObjectStore, ObjectWrite, check_key, join, missing};
use crate::hash::digest;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::{Builder, tls};
use bytes::Bytes;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Handle, Runtime};
use xxhash_rust::xxh3::Xxh3;

/// Larger files go up in parts.
const MULTIPART_THRESHOLD: u64 = 16 << 20;
/// Tries of what the SDK does not retry by itself.
const OWN_TRIES: u32 = 4;

/// How to reach S3.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// `http://host:port` of a server other than AWS.
    pub endpoint: Option<String>,
    /// Region; from the environment, else `us-east-1`.
    pub region: Option<String>,
    /// Bucket in the path instead of the host name; most servers other than AWS need it.
    pub path_style: bool,
    /// Access key id; without it the usual AWS places are searched (environment, profile, web identity, instance).
    pub access_key: Option<String>,
    /// Secret access key, with `access_key`.
    pub secret_key: Option<String>,
    /// Session token, with temporary keys.
    pub session_token: Option<String>,
    /// Limit for a connection to be made.
    pub connect_timeout: Duration,
    /// Limit for one try of one request.
    pub attempt_timeout: Duration,
    /// Tries of a request, with exponential backoff between them.
    pub attempts: u32,
    /// Where requests run; `None` makes a small runtime.
    pub runtime: Option<Handle>,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            path_style: false,
            access_key: None,
            secret_key: None,
            session_token: None,
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(60),
            attempts: 5,
            runtime: None,
        }
    }
}

/// A bucket and a prefix in it.
pub struct S3Store {
    pub(super) client: Client,
    pub(super) bucket: String,
    prefix: String,
    pub(super) place: Place,
    pub(super) handle: Handle,
    /// A request has come through: one that cannot be sent now could be then.
    worked: AtomicBool,
    /// Kept alive, and ended without waiting.
    runtime: Option<Runtime>,
}

impl Drop for S3Store {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type S3Result<T, E> = std::result::Result<T, SdkError<E, HttpResponse>>;

impl S3Store {
    /// Makes a client. Nothing is sent yet; [`super::probe`] proves that the bucket can be used.
    pub fn open(bucket: &str, prefix: &str, config: &S3Config) -> Result<Self> {
        if bucket.is_empty() {
            return Err(Error::user("the S3 location names no bucket").fix("set checkpoint.storage.s3.bucket"));
        }
        let prefix = prefix.trim_matches('/').to_string();
        if !prefix.is_empty() {
            check_key(&prefix)?;
        }
        if let Some(endpoint) =
            config.endpoint.as_deref().filter(|e| !e.starts_with("http://") && !e.starts_with("https://"))
        {
            return Err(Error::user(format!("the S3 endpoint '{endpoint}' has no scheme"))
                .fix("set checkpoint.storage.s3.endpoint to http://host:port or https://host"));
        }
        let (handle, runtime) = match &config.runtime {
            Some(handle) => (handle.clone(), None),
            None => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .thread_name("streamjob-s3")
                    .enable_all()
                    .build()
                    .internal("cannot start the S3 threads")?;
                (runtime.handle().clone(), Some(runtime))
            }
        };
        let settings = config.clone();
        let client = Waiting::start(&handle, async move { make_client(&settings).await }).wait()??;
        let endpoint = config
            .endpoint
            .clone()
            .unwrap_or_else(|| format!("AWS {}", client.config().region().map_or("us-east-1", |r| r.as_ref())));
        let place = Place { bucket: bucket.to_string(), endpoint };
        Ok(Self { client, bucket: bucket.to_string(), prefix, place, handle, worked: AtomicBool::new(false), runtime })
    }

    fn key(&self, key: &str) -> Result<String> {
        check_key(key)?;
        Ok(join(&self.prefix, key))
    }

    /// Runs a request elsewhere and waits, so that it works on any thread, async ones included.
    pub(super) fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        request: impl Future<Output = std::result::Result<T, E>> + Send + 'static,
    ) -> Result<std::result::Result<T, E>> {
        let answer = Waiting::start(&self.handle, request).wait()?;
        if answer.is_ok() {
            self.has_worked();
        }
        Ok(answer)
    }

    pub(super) fn fail<E>(&self, operation: &str, key: &str, e: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        describe(&self.place, operation, key, self.worked.load(Ordering::Relaxed), e)
    }

    /// Writes an object, by its full key, in one request.
    pub(super) fn put_whole(&self, full: &str, bytes: Bytes) -> Result<()> {
        self.put_with(full, bytes, false, None).map(|_| ())
    }

    /// A put with an optional condition; `None` when the condition does not hold.
    fn put_with(&self, full: &str, bytes: Bytes, absent: bool, etag: Option<&str>) -> Result<Option<String>> {
        let mut tries = 0;
        loop {
            let request = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(full)
                .body(ByteStream::from(bytes.clone()))
                .set_if_none_match(absent.then(|| "*".to_string()))
                .set_if_match(etag.map(str::to_string));
            match self.run(request.send())? {
                Ok(done) => {
                    return match done.e_tag() {
                        Some(tag) => Ok(Some(tag.to_string())),
                        None => Err(Error::user(format!("the S3 server at {} returns no ETag", self.place.endpoint))
                            .fix("checkpoints need ETags and conditional writes: use a server that has them")),
                    };
                }
                Err(e) => {
                    let failure = Failure::of(&e);
                    tries += 1;
                    if failure.is_condition() || (etag.is_some() && failure.is_missing_key()) {
                        return Ok(None);
                    }
                    if failure.is_conflict() && tries < OWN_TRIES {
                        std::thread::sleep(backoff(tries));
                        continue;
                    }
                    return Err(self.fail("PutObject", full, e));
                }
            }
        }
    }
}

impl ObjectStore for S3Store {
    fn has_worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    fn describe(&self) -> String {
        format!("s3://{} at {}", join(&self.bucket, &self.prefix), self.place.endpoint)
    }

    fn url(&self, key: &str) -> String {
        format!("s3://{}", join(&join(&self.bucket, &self.prefix), key))
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<String> {
        self.put_with(&self.key(key)?, Bytes::copy_from_slice(bytes), false, None)?
            .ok_or_else(|| Error::internal("an unconditional put lost a condition"))
    }

    fn create<'a>(&'a self, key: &str) -> Result<Box<dyn ObjectWrite + 'a>> {
        Ok(Streamed::new(self, self.key(key)?))
    }

    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> Result<Conditional> {
        let done = self.put_with(&self.key(key)?, Bytes::copy_from_slice(bytes), true, None)?;
        Ok(done.map_or(Conditional::Lost, Conditional::Done))
    }

    fn put_if_match(&self, key: &str, bytes: &[u8], etag: &str) -> Result<Conditional> {
        let done = self.put_with(&self.key(key)?, Bytes::copy_from_slice(bytes), false, Some(etag))?;
        Ok(done.map_or(Conditional::Lost, Conditional::Done))
    }

    fn get(&self, key: &str) -> Result<Option<Object>> {
        let full = self.key(key)?;
        let mut tries = 0;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(&full);
            let got = self.run(async move {
                match request.send().await {
                    Ok(answer) => {
                        let etag = answer.e_tag().unwrap_or_default().to_string();
                        Ok(answer.body.collect().await.map(|b| Object { bytes: b.to_vec(), etag }))
                    }
                    Err(e) => Err(e),
                }
            })?;
            match got {
                Ok(Ok(object)) => return Ok(Some(object)),
                Ok(Err(torn)) => {
                    tries += 1;
                    if tries >= OWN_TRIES {
                        return Err(torn_error(&self.place, &full, torn));
                    }
                    std::thread::sleep(backoff(tries));
                }
                Err(e) if Failure::of(&e).is_missing_key() => return Ok(None),
                Err(e) => return Err(self.fail("GetObject", &full, e)),
            }
        }
    }

    fn checksum(&self, key: &str) -> Result<Option<(u64, String)>> {
        let full = self.key(key)?;
        let mut tries = 0;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(&full);
            let got = self.run(async move {
                match request.send().await {
                    Ok(answer) => Ok(hash_body(answer.body).await),
                    Err(e) => Err(e),
                }
            })?;
            match got {
                Ok(Ok(found)) => return Ok(Some(found)),
                Ok(Err(torn)) => {
                    tries += 1;
                    if tries >= OWN_TRIES {
                        return Err(torn_error(&self.place, &full, torn));
                    }
                    std::thread::sleep(backoff(tries));
                }
                Err(e) if Failure::of(&e).is_missing_key() => return Ok(None),
                Err(e) => return Err(self.fail("GetObject", &full, e)),
            }
        }
    }

    fn head(&self, key: &str) -> Result<Option<ObjectMeta>> {
        let full = self.key(key)?;
        match self.run(self.client.head_object().bucket(&self.bucket).key(&full).send())? {
            Ok(head) => Ok(Some(ObjectMeta {
                key: key.to_string(),
                size: u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0),
                modified_ms: head.last_modified().and_then(|t| t.to_millis().ok()).unwrap_or(0),
            })),
            Err(e) if Failure::of(&e).is_missing_key() => Ok(None),
            Err(e) => Err(self.fail("HeadObject", &full, e)),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<ObjectMeta>> {
        let (prefix, strip) = self.list_prefix(dir);
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix);
        let pages = self.pages(request)?;
        let mut out = Vec::new();
        for object in pages.iter().flat_map(|p| p.contents()) {
            let Some(key) = object.key().and_then(|k| k.strip_prefix(strip.as_str())) else { continue };
            // Keys that end with a slash are folder markers of consoles.
            if key.is_empty() || key.ends_with('/') {
                continue;
            }
            out.push(ObjectMeta {
                key: key.to_string(),
                size: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0),
                modified_ms: object.last_modified().and_then(|t| t.to_millis().ok()).unwrap_or(0),
            });
        }
        out.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(out)
    }

    fn list_dirs(&self, dir: &str) -> Result<Vec<String>> {
        let (prefix, _) = self.list_prefix(dir);
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix).delimiter("/");
        let pages = self.pages(request)?;
        let mut names: Vec<String> = pages
            .iter()
            .flat_map(|p| p.common_prefixes())
            .filter_map(|p| p.prefix()?.strip_prefix(prefix.as_str()))
            .map(|n| n.trim_end_matches('/').to_string())
            .filter(|n| !n.is_empty())
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn delete(&self, key: &str) -> Result<()> {
        let full = self.key(key)?;
        match self.run(self.client.delete_object().bucket(&self.bucket).key(&full).send())? {
            Ok(_) => Ok(()),
            Err(e) if Failure::of(&e).is_missing_key() => Ok(()),
            Err(e) => Err(self.fail("DeleteObject", &full, e)),
        }
    }

    fn upload(&self, key: &str, local: &Path) -> Result<()> {
        let full = self.key(key)?;
        let size = std::fs::metadata(local).transient(format!("cannot read {}", local.display()))?.len();
        if size > MULTIPART_THRESHOLD {
            return upload_file(self, &full, local, size);
        }
        let bytes = std::fs::read(local).transient(format!("cannot read {}", local.display()))?;
        self.put_whole(&full, bytes.into())
    }

    fn download(&self, key: &str, to: &Path) -> Result<u64> {
        let full = self.key(key)?;
        let mut tries = 0;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(&full);
            let target = to.to_path_buf();
            let got = self.run(async move {
                match request.send().await {
                    Ok(answer) => Ok(write_body(answer.body, target).await),
                    Err(e) => Err(e),
                }
            })?;
            match got {
                Ok(Ok(size)) => return Ok(size),
                Ok(Err(Torn::Local(e))) => return Err(e),
                Ok(Err(Torn::Body(torn))) => {
                    tries += 1;
                    if tries >= OWN_TRIES {
                        return Err(torn_error(&self.place, &full, torn));
                    }
                    std::thread::sleep(backoff(tries));
                }
                Err(e) if Failure::of(&e).is_missing_key() => return Err(missing(self, key)),
                Err(e) => return Err(self.fail("GetObject", &full, e)),
            }
        }
    }

    fn copy(&self, source_key: &str, to: &str) -> Result<()> {
        let (from, to) = (self.key(source_key)?, self.key(to)?);
        let source = format!("{}/{}", self.bucket, encode(&from));
        let request = self.client.copy_object().bucket(&self.bucket).key(&to).copy_source(source);
        match self.run(request.send())? {
            Ok(_) => Ok(()),
            Err(e) if Failure::of(&e).is_missing_key() => Err(missing(self, source_key)),
            Err(e) => Err(self.fail("CopyObject", &from, e)),
        }
    }
}

impl S3Store {
    /// The prefix of keys to ask for, and the part of it that our keys do not have.
    fn list_prefix(&self, dir: &str) -> (String, String) {
        let strip = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let dir = dir.trim_matches('/');
        let prefix = if dir.is_empty() { strip.clone() } else { format!("{strip}{dir}/") };
        (prefix, strip)
    }

    fn pages(
        &self,
        request: aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder,
    ) -> Result<Vec<aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output>> {
        let pages: S3Result<Vec<_>, _> = self.run(async move {
            let mut pages = request.into_paginator().send();
            let mut out = Vec::new();
            while let Some(page) = pages.next().await {
                out.push(page?);
            }
            Ok(out)
        })?;
        pages.map_err(|e| self.fail("ListObjectsV2", &self.prefix, e))
    }
}

enum Torn {
    Body(aws_sdk_s3::primitives::ByteStreamError),
    Local(Error),
}

async fn write_body(mut body: ByteStream, to: PathBuf) -> std::result::Result<u64, Torn> {
    let local =
        |e: std::io::Error| Torn::Local(Error::transient(format!("cannot write {}", to.display())).caused_by(e));
    let mut file = tokio::fs::File::create(&to).await.map_err(local)?;
    let mut size = 0u64;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(Torn::Body)?;
        file.write_all(&piece).await.map_err(local)?;
        size += piece.len() as u64;
    }
    file.flush().await.map_err(local)?;
    Ok(size)
}

async fn hash_body(
    mut body: ByteStream,
) -> std::result::Result<(u64, String), aws_sdk_s3::primitives::ByteStreamError> {
    let mut hash = Xxh3::new();
    let mut size = 0;
    while let Some(piece) = body.next().await {
        let piece = piece?;
        hash.update(&piece);
        size += piece.len() as u64;
    }
    Ok((size, digest(&hash)))
}

fn torn_error(place: &Place, key: &str, e: aws_sdk_s3::primitives::ByteStreamError) -> Error {
    Error::transient(format!("S3 GetObject of s3://{}/{key} at {} broke off", place.bucket, place.endpoint))
        .caused_by(e)
        .fix("it was tried several times; check the network to the endpoint")
}

fn backoff(tries: u32) -> Duration {
    let base = 50u64 << tries.min(6);
    Duration::from_millis(base + rand::random_range(0..base))
}

/// Percent-encodes a key for the copy source header.
fn encode(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// A request that runs elsewhere.
pub(super) struct Waiting<T>(mpsc::Receiver<T>);

impl<T: Send + 'static> Waiting<T> {
    pub fn start(handle: &Handle, request: impl Future<Output = T> + Send + 'static) -> Self {
        let (tx, rx) = mpsc::sync_channel(1);
        handle.spawn(async move {
            let _ = tx.send(request.await);
        });
        Self(rx)
    }

    pub fn wait(self) -> Result<T> {
        self.0.recv().map_err(|_| {
            Error::transient("an S3 request was dropped: its runtime is shutting down")
                .fix("the process is ending; start it again")
        })
    }
}

async fn make_client(config: &S3Config) -> Result<Client> {
    let plain = config.endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
    // Without an https endpoint no trust roots are needed, which a scratch image may not have.
    let http = if plain {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
    };
    let retry = RetryConfig::standard()
        .with_max_attempts(config.attempts.max(1))
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5));
    let timeout = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .operation_attempt_timeout(config.attempt_timeout)
        .build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).retry_config(retry).timeout_config(timeout);
    if let (Some(access), Some(secret)) = (&config.access_key, &config.secret_key) {
        let credentials = Credentials::new(access, secret, config.session_token.clone(), None, "streamjob");
        loader = loader.credentials_provider(credentials);
    }
    // A server other than AWS takes any region; asking the instance service for one would cost seconds.
    let environment = || std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION")).ok();
    let fallback = || config.endpoint.as_ref().map(|_| "us-east-1".to_string());
    if let Some(region) = config.region.clone().or_else(environment).or_else(fallback) {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint) = &config.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let mut builder = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(config.path_style)
        // Our own checksums cover the content; many servers know none of the newer headers.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if shared.region().is_none() {
        builder = builder.region(Region::new("us-east-1"));
    }
    Ok(Client::from_conf(builder.build()))
}
