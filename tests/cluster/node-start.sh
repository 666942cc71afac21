#!/usr/bin/env bash
# node-start.sh N: boots node N after node-kill.sh N, with the disk that it had, and waits until it is Ready.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
for part in pki control-plane node; do
    # shellcheck source=/dev/null
    . "$cluster/$part.sh"
done
n=$(node_arg "$@")
! alive "node-$n" || die "node $n runs"
node_up "$n"
node_ready "$n"
