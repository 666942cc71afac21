//! A namespace for one test, with the credentials of the storage in it. It goes when the test is over; when the test
//! fails, what is in it is first written down.

use super::{cluster, job::Job, kubectl, setting, storage::Storage};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::RwLock;

/// The secret with the storage's credentials, in each namespace.
pub const SECRET: &str = "s3";
/// Tests that break something that others need hold it alone.
static CLUSTER: RwLock<()> = RwLock::new(());

/// A test's namespace.
pub struct Space {
    pub client: Client,
    pub namespace: String,
    pub storage: Storage,
}

/// Runs a test beside others, in a namespace of its own.
pub fn beside(test: &str, body: impl AsyncFnOnce(&Space)) {
    if cluster::is_there(test) {
        let _shared = CLUSTER.read().unwrap_or_else(|e| e.into_inner());
        run(test, body);
    }
}

/// Runs a test while no other one runs.
pub fn alone(test: &str, body: impl AsyncFnOnce(&Space)) {
    if cluster::is_there(test) {
        let _alone = CLUSTER.write().unwrap_or_else(|e| e.into_inner());
        run(test, async |space| {
            super::operator::reset(&space.client).await;
            body(space).await;
        });
    }
}

fn run(test: &str, body: impl AsyncFnOnce(&Space)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let space = Space::new(test).await;
        let begun = std::time::Instant::now();
        let outcome = AssertUnwindSafe(body(&space)).catch_unwind().await;
        println!("{test}: {} after {:.1?}", if outcome.is_ok() { "ok" } else { "FAILED" }, begun.elapsed());
        space.end(test, outcome.is_err()).await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Space {
    async fn new(test: &str) -> Self {
        let client = cluster::client().await;
        let word = test.replace("::", "-").replace('_', "-").to_lowercase();
        let word: String = word.chars().take(40).collect();
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
        let namespace = format!("e2e-{}-{:04x}", word.trim_matches('-'), nanos & 0xffff);
        let object: Namespace = serde_json::from_value(json!({"metadata": {
            "name": namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted", "streamjob.dev/test": "e2e"},
        }}))
        .unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &object).await.expect("a namespace");
        let storage = Storage::new(&namespace).await;
        let space = Self { client, namespace, storage };
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": SECRET},
            "stringData": {"AWS_ACCESS_KEY_ID": space.storage.key, "AWS_SECRET_ACCESS_KEY": space.storage.secret},
        }))
        .unwrap();
        space.api::<Secret>().create(&PostParams::default(), &secret).await.expect("the secret");
        space
    }

    /// Objects of a kind in it.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// kubectl in it.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(args);
        kubectl::run(&all).await
    }

    /// A job in it, whose output the oracle can read.
    pub fn job(&self, name: &str) -> Job {
        Job::new(name, &self.namespace, &self.storage)
    }

    async fn end(self, test: &str, failed: bool) {
        if failed {
            self.write_down(test).await;
            if !setting("E2E_KEEP", "").is_empty() {
                eprintln!("{test}: namespace {} is kept", self.namespace);
                return;
            }
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        if let Err(error) = namespaces.delete(&self.namespace, &DeleteParams::default()).await {
            eprintln!("{test}: namespace {} stays: {error}", self.namespace);
        }
        self.storage.clear().await;
    }

    /// Everything that helps to find out why, as files.
    async fn write_down(&self, test: &str) {
        let dir = PathBuf::from(setting("E2E_OUT", "target/e2e")).join(test.replace("::", "-"));
        std::fs::create_dir_all(&dir).unwrap();
        let write = |name: &str, text: Result<String, String>| {
            let _ = std::fs::write(dir.join(name), text.unwrap_or_else(|e| e));
        };
        write("streamjobs.yaml", self.kubectl(&["get", "sj", "-o", "yaml"]).await);
        write("objects.txt", self.kubectl(&["get", "all,configmaps,controllerrevisions", "-o", "wide"]).await);
        write("pods.yaml", self.kubectl(&["get", "pods,jobs,statefulsets", "-o", "yaml"]).await);
        write("events.txt", self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).await);
        let pods = self.kubectl(&["get", "pods", "-o", "name"]).await.unwrap_or_default();
        for pod in pods.lines() {
            let name = pod.trim_start_matches("pod/");
            write(&format!("{name}.log"), self.kubectl(&["logs", "--all-containers", "--timestamps", pod]).await);
            if let Ok(before) = self.kubectl(&["logs", "--all-containers", "--previous", pod]).await {
                write(&format!("{name}.previous.log"), Ok(before));
            }
        }
        eprintln!("{test}: how things stood is in {}", dir.display());
    }
}
