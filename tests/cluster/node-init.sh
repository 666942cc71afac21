#!/usr/bin/env bash
# The first process of a node, in the node's namespaces: makes its /var and /run, starts containerd, kube-proxy and the
# kubelet, and ends, with all of the node, when one of them does. Reaps what containers leave behind.
set -euo pipefail
n=$1 ip=$2 var=$3 bin=$4

# What lies in the host's /var or /run is hidden below, so the programs come along.
mount --bind "$bin" "$var/lib/node/bin"
mount --rbind "$var" /var
mount -t tmpfs tmpfs /run
mkdir /run/netns /run/lock
# Volumes that containers mount must be seen by their siblings.
mount --make-rshared /
hostname "node-$n"
cd /var/lib/node

containerd --config containerd.toml >>/var/log/containerd.log 2>&1 </dev/null &
containerd=$!
tries=100
until [ -S /run/containerd/containerd.sock ]; do
    kill -0 $containerd 2>/dev/null && [ $tries -gt 0 ] || { echo "containerd does not start"; exit 1; }
    sleep 0.1
    tries=$((tries - 1))
done
# The zone lets tests see what topology spread does.
bin/kubelet --config kubelet.yaml --kubeconfig kubeconfig --hostname-override "node-$n" --node-ip "$ip" \
    --node-labels "topology.kubernetes.io/zone=zone-$n" >>/var/log/kubelet.log 2>&1 </dev/null &
kubelet=$!
bin/kube-proxy --config proxy.yaml --hostname-override "node-$n" >>/var/log/proxy.log 2>&1 </dev/null &
proxy=$!
while kill -0 $containerd && kill -0 $kubelet && kill -0 $proxy; do
    # Also returns when a child dies that was adopted from a container.
    sleep 1 &
    wait -n || true
done
echo "containerd, the kubelet or kube-proxy ended; this node ends with it"
exit 1
