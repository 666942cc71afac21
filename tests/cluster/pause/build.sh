#!/usr/bin/env bash
# build.sh ARCHIVE: the pause image localhost/pause:1, unless ARCHIVE is there. The usual one would have to be pulled.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ -n "${1:-}" ] || { echo "pause/build.sh: which archive?" >&2; exit 1; }
[ ! "$1" -nt "$here/pause.c" ] || exit 0
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
gcc -static -Os -s -Wall -Wextra -o "$root/pause" "$here/pause.c"
"$here/../../../scripts/image/archive.sh" --user 65535 --entrypoint /pause "$root" localhost/pause:1 "$1"
