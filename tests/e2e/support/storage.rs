//! The S3 server that jobs write to, seen from the tests. A test's objects lie below the name of its namespace.

use super::setting;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::{Builder, tls};

/// The part of it that belongs to one test.
pub struct Storage {
    client: Client,
    pub endpoint: String,
    pub bucket: String,
    pub key: String,
    pub secret: String,
    pub prefix: String,
}

impl Storage {
    pub async fn new(namespace: &str) -> Self {
        let endpoint = setting("E2E_S3_ENDPOINT", "http://s3.storage.svc:9000");
        let bucket = setting("E2E_S3_BUCKET", "streamjob");
        let key = setting("E2E_S3_KEY", "streamjob-test");
        let secret = setting("E2E_S3_SECRET", "streamjob-test-secret");
        let http = if endpoint.starts_with("http://") {
            Builder::new().build_http()
        } else {
            Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
        };
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .credentials_provider(Credentials::new(&key, &secret, None, None, "e2e"))
            .region(Region::new("us-east-1"))
            .endpoint_url(&endpoint)
            .load()
            .await;
        let config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let client = Client::from_conf(config.build());
        Self { client, endpoint, bucket, key, secret, prefix: format!("e2e/{namespace}") }
    }

    /// Keys of the objects below a folder of the test's part.
    pub async fn keys(&self, folder: &str) -> Result<Vec<String>, String> {
        let prefix = format!("{}/{folder}", self.prefix);
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| format!("{:?}", e.into_source()))?;
            keys.extend(page.contents().iter().filter_map(|o| o.key().map(str::to_owned)));
        }
        Ok(keys)
    }

    /// An object as text.
    pub async fn text(&self, key: &str) -> Result<String, String> {
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let answer = request.send().await.map_err(|e| format!("{key}: {:?}", e.into_source()))?;
        let bytes = answer.body.collect().await.map_err(|e| format!("{key}: {e}"))?;
        String::from_utf8(bytes.to_vec()).map_err(|e| format!("{key}: {e}"))
    }

    /// Removes the test's part, as far as that can be done now.
    pub async fn clear(&self) {
        for key in self.keys("").await.unwrap_or_default() {
            let _ = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        }
    }
}
