#!/usr/bin/env bash
# Stops the cluster and removes every trace of it: processes (by their pid files), namespaces with their mounts and
# cables, cgroups, data. The built programs stay in the cache. Does nothing when there is nothing.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
for part in network control-plane node dns s3; do
    # shellcheck source=/dev/null
    . "$cluster/$part.sh"
done
[ "$(id -u)" = 0 ] || die "must run as root, as the cluster does"
if [ "${1:-}" != --locked ]; then
    mkdir -p "$cache/cluster"
    exec 9>"$cache/cluster/lock"
    flock -w 600 9 || die "somebody else has been starting or stopping the cluster for 10 minutes"
fi

rm -f "$state/running"
for n in "${nodes[@]}"; do node_down "$n"; done
dns_down
s3_down
control_plane_down
if [ -e "/run/netns/$cp_ns" ]; then
    others=$(ip netns pids "$cp_ns" | tr '\n' ' ')
    [ -z "$others" ] || say "processes that still use the cluster's network, which goes with the last of them: $others"
fi
network_down
rm -rf "$state" "$data"
