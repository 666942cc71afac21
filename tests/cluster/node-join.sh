#!/usr/bin/env bash
# node-join.sh N: ends what node-cut.sh N began.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
n=$(node_arg "$@")
in_cp ip link set "node$n" up
