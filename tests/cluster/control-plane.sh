# shellcheck shell=bash
# etcd, apiserver, controller-manager, scheduler: processes in the control plane's namespace.

control_plane_up() {
    mkdir -p "$data/etcd"
    # Nothing here outlives the cluster, so etcd need not wait for the disk.
    start etcd nsenter --net="/run/netns/$cp_ns" -- "$bin/etcd" --name cluster --data-dir "$data/etcd" \
        --unsafe-no-fsync --log-level warn \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
        --initial-cluster cluster=http://127.0.0.1:2380
    wait_for 30 etcd "etcd's port" in_cp bash -c ': </dev/tcp/127.0.0.1/2379'

    # InternalIP first: node names resolve nowhere. The audit log is written before the answer goes out, so that a
    # test that counts calls need not wait.
    start apiserver nsenter --net="/run/netns/$cp_ns" -- "$bin/kube-apiserver" \
        --etcd-servers http://127.0.0.1:2379 \
        --advertise-address "$cp_ip" --bind-address "$cp_ip" --secure-port 6443 \
        --service-cluster-ip-range "$service_cidr" --allow-privileged \
        --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key" \
        --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$pki/service-accounts.pub" \
        --service-account-signing-key-file "$pki/service-accounts.key" \
        --audit-policy-file "$cluster/audit-policy.yaml" --audit-log-path "$state/audit.log" --audit-log-mode blocking
    wait_for 60 apiserver "the apiserver's /readyz" kubectl get --raw /readyz

    # A lost node is noticed after 10 s (default 50 s), so that tests can afford to lose one.
    start controller-manager nsenter --net="/run/netns/$cp_ns" -- "$bin/kube-controller-manager" \
        --kubeconfig "$state/controller-manager.kubeconfig" --leader-elect=false --bind-address 127.0.0.1 \
        --use-service-account-credentials --root-ca-file "$pki/ca.crt" \
        --service-account-private-key-file "$pki/service-accounts.key" \
        --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
        --node-monitor-period 1s --node-monitor-grace-period 10s
    start scheduler nsenter --net="/run/netns/$cp_ns" -- "$bin/kube-scheduler" \
        --kubeconfig "$state/scheduler.kubeconfig" --leader-elect=false --bind-address 127.0.0.1
    wait_for 30 controller-manager "the default service account" \
        kubectl get serviceaccount default --namespace default
    # Tests and the apiserver reach services from here by a kube-proxy of their own. It has no node; node 1's name
    # only tells it which addresses are its own.
    proxy_config >"$state/proxy.yaml"
    start proxy nsenter --net="/run/netns/$cp_ns" -- "$bin/kube-proxy" --config "$state/proxy.yaml" \
        --hostname-override node-1
}

# The zeros: kube-proxy stops when it may not write nf_conntrack_max.
proxy_config() {
    cat <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: $pod_cidr
clientConnection: {kubeconfig: ${1:-$state}/proxy.kubeconfig}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
metricsBindAddress: 127.0.0.1:10249
healthzBindAddress: 127.0.0.1:10256
YAML
}

# SIGKILL: what they would tidy up is deleted next.
control_plane_down() {
    local part
    for part in proxy scheduler controller-manager apiserver etcd; do stop "$part" KILL; done
}
