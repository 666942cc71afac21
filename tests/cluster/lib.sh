# shellcheck shell=bash
# What every script of the cluster shares: where things lie, how a process is started and waited for, how one fails.
set -euo pipefail

cluster=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/cluster/versions.sh
. "$cluster/versions.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamjob
key=$(cat "$cluster"/{kubernetes/go.mod,dns/go.mod,dns/main.go,versions.sh} | sha256sum | cut -c1-12)
bin=$cache/cluster/$key
export state=${XDG_RUNTIME_DIR:-/run}/streamjob-cluster
# Disk, not memory, also where /run is a tmpfs: images, volumes, etcd, the S3 store.
export data=${STREAMJOB_CLUSTER_DATA:-/var/lib/streamjob-cluster}
nodes=(1 2)

# Addresses. All of them exist only in the namespaces of the cluster.
cp_ns=streamjob-cp
cp_ip=10.89.0.1
service_cidr=10.96.0.0/16
api_service_ip=10.96.0.1
dns_service_ip=10.96.0.10
s3_service_ip=10.96.0.11
pod_cidr=10.244.0.0/16
node_ns() { echo "streamjob-node$1"; }
node_ip() { echo "10.89.0.1$1"; }
node_pods() { echo "10.244.$1.0/24"; }

s3_key=streamjob-test
s3_secret=streamjob-test-secret
s3_bucket=streamjob

say() { printf '%s\n' "$*"; }
die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }

need_running() {
    [ "$(id -u)" = 0 ] || die "must run as root, as the cluster does"
    [ -e "$state/running" ] || die "the cluster does not run: make cluster-up"
}

# node_arg "$@": the node that a script was told on its command line.
node_arg() {
    local n
    need_running
    for n in "${nodes[@]}"; do [ "${1:-}" != "$n" ] || { echo "$n"; return; }; done
    die "which node? one of: ${nodes[*]}"
}

# Not `ip netns exec`: that remounts /sys, which hides the cgroup tree.
in_cp() { nsenter --net="/run/netns/$cp_ns" -- "$@"; }
kubectl() { in_cp "$bin/kubectl" --kubeconfig "$state/kubeconfig" "$@"; }

# start NAME COMMAND…: runs it in the background, its output in logs/NAME, its pid and its beginning in pids/NAME.
start() {
    local name=$1; shift
    mkdir -p "$state/pids" "$state/logs"
    # Not the lock of up.sh: it would be held for as long as the process lives.
    setsid "$@" >"$state/logs/$name" 2>&1 </dev/null 9>&- &
    echo "$! $(began $!)" >"$state/pids/$name"
}

# When the process began, in ticks since boot: together with the pid it names one process, whatever it executes.
# The second field of stat is a name that may hold blanks, so the fields count from its end.
began() {
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    # shellcheck disable=SC2086  # fields
    set -- ${stat##*) }
    [ "$1" != Z ] && echo "${20}"
}

pid_of() { cut -d' ' -f1 "$state/pids/$1"; }

# Is what start NAME began still alive? A pid that now belongs to something else does not count.
alive() {
    local pid when
    read -r pid when 2>/dev/null <"$state/pids/$1" && [ "$(began "$pid")" = "$when" ]
}

# stop NAME [SIGNAL]: SIGTERM or that signal, after 5 s SIGKILL.
stop() {
    local pid tries=50
    if alive "$1"; then
        pid=$(pid_of "$1")
        kill -"${2:-TERM}" "$pid" 2>/dev/null || true
        while [ $tries -gt 0 ] && alive "$1"; do sleep 0.1; tries=$((tries - 1)); done
        kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$state/pids/$1"
}

# Of a node: of its processes, too.
last_lines() { tail -v -n 20 "$state/logs/$1" "$state/logs/$1"-* >&2 2>/dev/null || true; }

# wait_for SECONDS PART WHAT COMMAND…: until the command succeeds. Fails with PART's last log lines, at once when PART
# has died. PART '-' has no process of its own.
wait_for() {
    local seconds=$1 part=$2 what=$3; shift 3
    local end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ "$part" != - ] && ! alive "$part"; then
            last_lines "$part"
            die "$part ended while waiting for $what; its last lines are above, all in $state/logs/$part"
        fi
        if [ $SECONDS -ge $end ]; then
            [ "$part" = - ] || last_lines "$part"
            "$@" >&2 || true
            die "waited $seconds s for $what in vain"
        fi
        sleep 0.2
    done
}
