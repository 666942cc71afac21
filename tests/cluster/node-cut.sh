#!/usr/bin/env bash
# node-cut.sh N: pulls node N's network cable. Its pods run on and reach nobody but each other; the cluster sees the node
# NotReady after 10 s. node-join.sh N plugs it in again.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
n=$(node_arg "$@")
in_cp ip link set "node$n" down
