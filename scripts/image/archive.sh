#!/usr/bin/env bash
# archive.sh [--user ID] [--workdir DIR] [--env K=V]… [--entrypoint PROGRAM] ROOT NAME ARCHIVE
#
# Turns the folder ROOT into an image of one layer, as an OCI archive that `ctr image import`, `podman load`,
# `skopeo copy oci-archive:` and `docker load` (25 or newer) read. No builder is needed. The same folder makes the same
# bytes: files in order of their names, times of SOURCE_DATE_EPOCH (default 0), owned by root.
set -euo pipefail

user=65532 workdir=/ entrypoint=null env='"PATH=/usr/local/bin:/usr/bin:/bin"'
while [ "${1#--}" != "${1:-}" ]; do
    case $1 in
        --user) user=$2 ;;
        --workdir) workdir=$2 ;;
        --env) env="$env,\"$2\"" ;;
        --entrypoint) entrypoint="[\"$2\"]" ;;
        *) echo "archive.sh: no such option: $1" >&2; exit 1 ;;
    esac
    shift 2
done
[ $# = 3 ] || { sed -n 2p "$0" >&2; exit 1; }
root=$1 name=$2 archive=$3
command -v zstd >/dev/null || { echo "archive.sh: zstd is missing: install it (Debian: zstd)" >&2; exit 1; }

epoch=${SOURCE_DATE_EPOCH:-0}
case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) arch=$(uname -m) ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/blobs/sha256"
sorted_tar() { tar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu "$@"; }
digest() { sha256sum "$1" | cut -d' ' -f1; }
size() { stat -c %s "$1"; }
# blob FILE: moves it to its place, tells its digest.
blob() { local d; d=$(digest "$1"); mv "$1" "$work/blobs/sha256/$d"; echo "$d"; }

sorted_tar -C "$root" -cf "$work/layer" .
diff_id=$(digest "$work/layer")
# One thread, because the number of threads changes the bytes.
zstd -q --rm -3 --single-thread "$work/layer" -o "$work/layer.zst"
layer_size=$(size "$work/layer.zst")
layer=$(blob "$work/layer.zst")

created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
cat >"$work/config" <<JSON
{"created":"$created","architecture":"$arch","os":"linux",
"config":{"User":"$user:$user","WorkingDir":"$workdir","Env":[$env],"Entrypoint":$entrypoint},
"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]}}
JSON
config_size=$(size "$work/config")
config=$(blob "$work/config")

type=application/vnd.oci.image
cat >"$work/manifest" <<JSON
{"schemaVersion":2,"mediaType":"$type.manifest.v1+json",
"config":{"mediaType":"$type.config.v1+json","digest":"sha256:$config","size":$config_size},
"layers":[{"mediaType":"$type.layer.v1.tar+zstd","digest":"sha256:$layer","size":$layer_size}]}
JSON
manifest_size=$(size "$work/manifest")
manifest=$(blob "$work/manifest")

# containerd takes the name from its own annotation, podman and skopeo the tag from ref.name.
cat >"$work/index.json" <<JSON
{"schemaVersion":2,"mediaType":"$type.index.v1+json",
"manifests":[{"mediaType":"$type.manifest.v1+json","digest":"sha256:$manifest","size":$manifest_size,
"platform":{"architecture":"$arch","os":"linux"},
"annotations":{"io.containerd.image.name":"$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
JSON
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/oci-layout"

mkdir -p "$(dirname "$archive")"
sorted_tar --mode=u=rwX,go=rX -C "$work" -cf "$archive.new" blobs index.json oci-layout
mv "$archive.new" "$archive"
echo "$archive: $name, $(($(size "$archive") / 1048576)) MiB, sha256:$manifest"
