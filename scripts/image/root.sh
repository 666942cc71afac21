#!/usr/bin/env bash
# root.sh ROOT BINARY…: what the image holds, as a folder: the binaries in /usr/local/bin, the libraries that they are
# linked with at the paths where their loader looks for them, certificates of public authorities, a user, a /tmp and
# a /var/lib/streamjob to mount over (the root is read-only in a cluster). Used by streamjob.sh and the Dockerfile.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 2p "$0" >&2; exit 1; }
root=$1; shift
certificates=
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    [ -r "$file" ] && { certificates=$file; break; }
done
[ -n "$certificates" ] || { echo "root.sh: no certificates of public authorities here: install ca-certificates" >&2; exit 1; }

for binary in "$@"; do
    [ -x "$binary" ] || { echo "root.sh: $binary is missing: make build" >&2; exit 1; }
    install -D -m 755 "$binary" "$root/usr/local/bin/$(basename "$binary")"
    # Lines are 'name => /path (0x…)' or, for the loader, '/path (0x…)'. A static binary has none.
    libraries=$(ldd "$binary" 2>/dev/null || true)
    if grep 'not found' <<<"$libraries" >&2; then echo "root.sh: $binary misses libraries, see above" >&2; exit 1; fi
    while read -r library; do
        install -D -m 755 "$library" "$root$library"
    done < <(grep -oE '/[^ ]+' <<<"$libraries" || true)
done
install -D -m 644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/var/lib/streamjob:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
chmod 644 "$root/etc/passwd" "$root/etc/group"
mkdir -p "$root/tmp" "$root/var/lib/streamjob"
find "$root" -type d -exec chmod 755 {} +
chmod 1777 "$root/tmp" "$root/var/lib/streamjob"
