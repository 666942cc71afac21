#!/usr/bin/env bash
# load.sh ARCHIVE…: imports OCI archives into every node. Pods find them by name with imagePullPolicy IfNotPresent or Never.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/node.sh
. "$cluster/node.sh"
[ $# -gt 0 ] || die "which archive? make images writes dist/*.tar"
need_running
for archive in "$@"; do
    [ -f "$archive" ] || die "$archive is missing: make images"
    importing=()
    for n in "${nodes[@]}"; do
        in_node "$n" ctr -n k8s.io images import - <"$archive" | sed "s/^/node-$n: /" &
        importing+=($!)
    done
    for pid in "${importing[@]}"; do wait "$pid" || die "$archive was not imported, see above"; done
done
