# shellcheck shell=bash
# The network: a namespace for the control plane, one for each node, cables between them, and nothing to the outside.
# No packet leaves the machine and no port clashes with anything on it.
#
#   streamjob-cp   bridge sj0 10.89.0.1 ── cable to each node; etcd, apiserver, CoreDNS, S3, tests
#   streamjob-node1     eth0 10.89.0.11, pods 10.244.1.0/24
#   streamjob-node2     eth0 10.89.0.12, pods 10.244.2.0/24

in_ns() { local ns=$1; shift; nsenter --net="/run/netns/$ns" -- "$@"; }

network_up() {
    local n m ns
    # `ip netns` leaves a mount there; network_down removes it when it is ours.
    mountpoint -q /run/netns || touch "$state/netns-mount-is-ours"
    ip netns add "$cp_ns"
    in_cp ip link set lo up
    # A bridge stands in for the `dummy` device, which not every kernel has.
    in_cp ip link add sj0 type bridge
    in_cp ip addr add "$cp_ip/24" dev sj0
    in_cp ip link set sj0 up
    # A service address must be routable before kube-proxy's rules get to turn it into a pod's. There is no default
    # route: what is not the cluster's fails at once instead of timing out.
    in_cp ip route add "$service_cidr" dev sj0
    in_cp sysctl -qw net.ipv4.ip_forward=1
    for n in "${nodes[@]}"; do
        ns=$(node_ns "$n")
        ip netns add "$ns"
        in_ns "$ns" ip link set lo up
        in_cp ip link add "node$n" type veth peer name eth0 netns "/run/netns/$ns"
        in_cp ip link set "node$n" master sj0 up
        in_ns "$ns" ip addr add "$(node_ip "$n")/24" dev eth0
        in_ns "$ns" ip link set eth0 up
        in_ns "$ns" ip route add "$service_cidr" dev eth0
        in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1
        in_cp ip route add "$(node_pods "$n")" via "$(node_ip "$n")"
        for m in "${nodes[@]}"; do
            [ "$m" = "$n" ] || in_ns "$ns" ip route add "$(node_pods "$m")" via "$(node_ip "$m")"
        done
    done
}

# Deleting a namespace deletes its end of each cable, and with it the other end.
network_down() {
    local ns
    for ns in "$cp_ns" streamjob-node1 streamjob-node2; do
        [ ! -e "/run/netns/$ns" ] || ip netns delete "$ns"
    done
    if [ -e "$state/netns-mount-is-ours" ] && [ -z "$(ls -A /run/netns)" ]; then
        umount /run/netns
        rmdir /run/netns
    fi
}
