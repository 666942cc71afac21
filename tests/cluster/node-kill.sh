#!/usr/bin/env bash
# node-kill.sh N: node N loses power, with everything that runs on it. node-start.sh N boots it with the disk it had.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/node.sh
. "$cluster/node.sh"
n=$(node_arg "$@")
alive "node-$n" || die "node $n does not run"
node_down "$n"
