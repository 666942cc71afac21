#!/usr/bin/env bash
# node-kill.sh N: node N loses power, with everything that runs on it. node-start.sh N boots it with the disk it had.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/node.sh
. "$cluster/node.sh"
[ -n "${1:-}" ] && alive "node-$1" || die "which node? one of: ${nodes[*]}"
node_down "$1"
