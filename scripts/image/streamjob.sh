#!/usr/bin/env bash
# streamjob.sh NAME ARCHIVE BINARY…: the image as an OCI archive, FROM scratch. The first binary is its entry point.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 3 ] || { sed -n 2p "$0" >&2; exit 1; }
name=$1 archive=$2; shift 2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
"$here/root.sh" "$root" "$@"
"$here/archive.sh" --user 65532 --workdir /var/lib/streamjob \
    --env HOME=/var/lib/streamjob --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --entrypoint "/usr/local/bin/$(basename "$1")" "$root" "$name" "$archive"
