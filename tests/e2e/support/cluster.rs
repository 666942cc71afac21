//! Whether there is a cluster to test in.

/// What says where the cluster is.
const KUBECONFIG: &str = "KUBECONFIG";
/// `elsewhere`: these tests are run by another command of the same check, so skipping them here hides nothing.
const WHERE: &str = "STREAMJOB_E2E";

/// False when the test shall be skipped, which is said. With CI=true a missing cluster is an error.
pub fn is_there(test: &str) -> bool {
    if std::env::var(KUBECONFIG).is_ok_and(|path| !path.is_empty()) {
        return true;
    }
    let elsewhere = std::env::var(WHERE).is_ok_and(|w| w == "elsewhere");
    let text = "no cluster: KUBECONFIG is not set. `make e2e` starts one";
    assert!(elsewhere || std::env::var("CI").as_deref() != Ok("true"), "{test}: {text}");
    eprintln!("SKIPPED {test}: {text}");
    false
}

/// A connection to it.
pub async fn client() -> kube::Client {
    kube::Client::try_default().await.expect("a connection to the cluster of KUBECONFIG")
}
