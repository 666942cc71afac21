#!/usr/bin/env bash
# node-start.sh N: boots node N after node-kill.sh N, with the disk that it had, and waits until it is Ready.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
for part in pki control-plane node; do
    # shellcheck source=/dev/null
    . "$cluster/$part.sh"
done
[ -n "${1:-}" ] && [ -d "$(node_var "$1")" ] || die "which node? one of: ${nodes[*]}"
! alive "node-$1" || die "node $1 runs"
node_up "$1"
node_ready "$1"
