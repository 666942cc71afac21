#!/usr/bin/env bash
# Builds what is missing and starts the cluster; does nothing when it runs.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
for part in pki network control-plane node dns s3 volumes; do
    # shellcheck source=/dev/null
    . "$cluster/$part.sh"
done

"$cluster/setup.sh"
mkdir -p "$cache/cluster"
exec 9>"$cache/cluster/lock"
flock -w 600 9 || die "somebody else has been starting or stopping the cluster for 10 minutes"
"$cluster/build.sh"
"$cluster/pause/build.sh" "$bin/pause.tar"

if [ -e "$state/running" ]; then
    all=1
    for part in etcd apiserver controller-manager scheduler proxy dns s3 node-1 node-2; do
        alive "$part" || { all=; say "$part no longer runs; starting all anew"; break; }
    done
    [ -z "$all" ] || { say "the cluster runs already"; "$cluster/usage.sh"; exit 0; }
fi
began=$SECONDS
"$cluster/down.sh" --locked
mkdir -p "$state/logs" "$data"
make_pki
network_up
control_plane_up
for n in "${nodes[@]}"; do node_up "$n"; done
dns_up
s3_service
s3_up
volumes_up
for n in "${nodes[@]}"; do node_ready "$n"; done
touch "$state/running"
say "the cluster is up after $((SECONDS - began)) s"
"$cluster/usage.sh"
