#!/usr/bin/env bash
# Installs what the cluster needs on a Debian machine, saying what, and refuses machines that cannot run it.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need containerd containerd
need runc runc
need nft nftables
need ip iproute2
need openssl openssl
need pgrep procps
need gcc gcc
need zstd zstd
need nsenter util-linux
[ -x /usr/lib/cni/ptp ] || [ -x /opt/cni/bin/ptp ] || missing+=(containernetworking-plugins)
[ -n "$(find /usr/lib -name libc.a -print -quit 2>/dev/null)" ] || missing+=(libc6-dev)
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || die "missing on this machine: ${missing[*]} (names of Debian's packages)"
    [ "$(id -u)" = 0 ] || die "missing on this machine: ${missing[*]}. Install them, or run this as root"
    say "installing Debian packages: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

[ "$(id -u)" = 0 ] || die "must run as root: it makes namespaces, mounts and cgroups (building and 'make images' need no root)"
unshare --net --mount --pid --uts --fork true 2>/dev/null ||
    die "this machine lets nobody make namespaces (unshare fails); a container needs to be privileged"
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || die "the kernel has no overlay file system"
unshare --net nft add table ip streamjob-test 2>/dev/null ||
    die "the kernel has no nftables (nf_tables), which kube-proxy needs"
unshare --net ip link add sj0 type bridge 2>/dev/null || die "the kernel has no bridge device"
[ -e /dev/kmsg ] || die "/dev/kmsg is missing; the kubelet reads it"
