//! Ends the processes of pods without warning.

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use std::path::Path;
use std::process::Command;

/// What the processes are called: not those that only hold a pod's network.
const PROGRAM: &str = "/usr/local/bin/streamjob";

/// SIGKILL to the programs of a pod, where they can be reached: the nodes of the test cluster are this machine. They
/// are started again in their place. In other clusters the pod is deleted without grace, which still asks them to end.
/// False when there was nothing left to end.
pub async fn kill(api: &Api<Pod>, pod: &Pod) -> bool {
    if !in_reach() {
        return api.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.is_ok();
    }
    signal(pod, "KILL")
}

/// Whether processes of pods can be signalled from here.
pub fn in_reach() -> bool {
    std::env::var_os("E2E_CLUSTER").is_some_and(|c| !c.is_empty())
}

/// Sends a signal to the programs of a pod. False when there are none.
pub fn signal(pod: &Pod, name: &str) -> bool {
    let pids = pids(&pod.uid().unwrap_or_default());
    let send =
        |pid: &&String| Command::new("kill").args([&format!("-{name}"), *pid]).status().is_ok_and(|s| s.success());
    pids.iter().filter(send).count() > 0
}

/// Processes in the control groups of a pod.
fn pids(uid: &str) -> Vec<String> {
    assert!(uid.len() > 30, "the uid of a pod, not {uid:?}");
    let group = format!("pod{uid}");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let named = processes.filter_map(|p| p.file_name().into_string().ok()).filter(|n| n.parse::<u32>().is_ok());
    named.filter(|pid| is_of(&Path::new("/proc").join(pid), &group)).collect()
}

fn is_of(process: &Path, group: &str) -> bool {
    let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
    let groups = String::from_utf8_lossy(&read("cgroup")).into_owned();
    groups.contains(group) && read("cmdline").starts_with(PROGRAM.as_bytes())
}
