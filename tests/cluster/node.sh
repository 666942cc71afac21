# shellcheck shell=bash
# A node is a process tree with namespaces of its own: network, mounts, pids, host name. It has its own /var and /run, so
# kubelet and containerd keep their usual paths, and killing its first process (node-init.sh) takes every pod, mount and
# network of it along, as a power failure would.

node_var() { echo "$data/node-$1/var"; }
# The node's first process, seen from outside. `start` knows the `unshare` that is its parent.
node_pid() { pgrep -P "$(pid_of "node-$1")"; }
in_node() { local n=$1; shift; nsenter -t "$(node_pid "$n")" -m -n -p -u -- "$@"; }

node_up() {
    local n=$1 var conf
    var=$(node_var "$n")
    conf=$var/lib/node
    mkdir -p "$conf/bin" "$conf/cni" "$var/log" "$var/tmp" "$var/cache"
    chmod 1777 "$var/tmp"
    ln -sfn /run "$var/run"
    install -m 600 "$state/node-$n.kubeconfig" "$conf/kubeconfig"
    install -m 600 "$state/proxy.kubeconfig" "$conf/proxy.kubeconfig"
    install -m 600 "$pki/ca.crt" "$pki/node-$n.crt" "$pki/node-$n.key" "$conf"
    : >"$conf/resolv.conf"
    containerd_config >"$conf/containerd.toml"
    cni_config "$n" >"$conf/cni/10-pods.conflist"
    kubelet_config "$n" >"$conf/kubelet.yaml"
    proxy_config /var/lib/node >"$conf/proxy.yaml"
    # What volumes.sh offers as persistent volumes.
    mkdir -p "$var"/lib/volumes/{1..8}
    chmod 1777 "$var"/lib/volumes/*
    cgroups_up "$n"
    local part
    for part in containerd kubelet proxy; do
        : >"$var/log/$part.log"
        ln -sfn "$var/log/$part.log" "$state/logs/node-$n-$part"
    done
    start "node-$n" nsenter --net="/run/netns/$(node_ns "$n")" -- \
        unshare --mount --uts --pid --fork --kill-child --mount-proc \
        bash "$cluster/node-init.sh" "$n" "$(node_ip "$n")" "$var" "$bin"
}

node_ready() {
    local n=$1
    wait_for 30 "node-$n" "containerd of node $n" in_node "$n" ctr version
    in_node "$n" ctr -n k8s.io images import - <"$bin/pause.tar" >/dev/null
    # After a restart the cluster may not have seen yet that the node was away, so ask the kubelet, too.
    wait_for 60 "node-$n" "the kubelet of node $n" in_node "$n" bash -c ': </dev/tcp/127.0.0.1/10248'
    wait_for 60 "node-$n" "node $n to be Ready" kubectl wait node "node-$n" --for=condition=Ready --timeout=1s
}

node_down() {
    stop "node-$1" KILL
    cgroups_down "$1"
}

containerd_config() {
    local cni=/usr/lib/cni
    [ -x $cni/ptp ] || cni=/opt/cni/bin
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE runc else dies with "can't get final child's PID from pipe: EOF".
    # opt: the default is a folder outside the node's own /var.
    cat <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "$cni"
  conf_dir = "/var/lib/node/cni"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
TOML
}

# ptp, not bridge: all traffic of a pod is routed, so that the answer of a pod on the same node passes kube-proxy's
# rules again. On a bridge it would not, unless the kernel has br_netfilter.
cni_config() {
    cat <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$(node_pods "$1")"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
}

# failCgroupV1 and cgroupDriver: machines without systemd or with cgroup v1 do, too. Eviction thresholds are low and
# images are never collected, because the disk is the machine's. A lease of 8 s is renewed every 2 s, which goes with
# the controller-manager's grace of 10 s. oomScoreAdj: a lower one needs CAP_SYS_RESOURCE.
kubelet_config() {
    cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(node_ip "$1")
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /var/lib/node/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: /var/lib/node/node-$1.crt
tlsPrivateKeyFile: /var/lib/node/node-$1.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$dns_service_ip]
clusterDomain: cluster.local
resolvConf: /var/lib/node/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /streamjob-cluster/node-$1
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
oomScoreAdj: 0
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 8
YAML
}

# The kubelet's cgroupRoot must be there under every controller.
cgroups_up() {
    local tree part controller
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        for part in "" /streamjob-cluster; do
            tree=/sys/fs/cgroup$part
            mkdir -p "$tree"
            # Controllers that cannot be passed on are the machine's affair; the kubelet names what it misses.
            while read -r -d ' ' controller; do
                echo "+$controller" >"$tree/cgroup.subtree_control" || true
            done < <(tr '\n' ' ' <"$tree/cgroup.controllers")
        done
        mkdir -p "/sys/fs/cgroup/streamjob-cluster/node-$1"
        return
    fi
    for tree in /sys/fs/cgroup/*/; do
        tree=${tree%/}
        [ ! -L "$tree" ] && [ -e "$tree/cgroup.procs" ] || continue
        for part in streamjob-cluster "streamjob-cluster/node-$1"; do
            mkdir -p "$tree/$part"
            # A new cpuset has no processor and no memory, so nothing could run in it.
            if [ -e "$tree/cpuset.cpus" ]; then
                cat "$tree/cpuset.cpus" >"$tree/$part/cpuset.cpus"
                cat "$tree/cpuset.mems" >"$tree/$part/cpuset.mems"
            fi
        done
    done
}

# A killed node's processes take a moment to leave their cgroups.
cgroups_down() {
    local tries=50 tree left=
    while [ $tries -gt 0 ]; do
        left=
        for tree in /sys/fs/cgroup/streamjob-cluster /sys/fs/cgroup/*/streamjob-cluster; do
            [ -d "$tree/node-$1" ] || continue
            find "$tree/node-$1" -depth -type d -exec rmdir {} + 2>/dev/null || left=$tree/node-$1
            rmdir "$tree" 2>/dev/null || true
        done
        [ -n "$left" ] || return 0
        sleep 0.1
        tries=$((tries - 1))
    done
    die "processes of node $1 are still in the cgroup $left after 5 s: $(tr '\n' ' ' <"$left/cgroup.procs")"
}
