# shellcheck shell=bash
# CoreDNS as a process in the control plane's namespace, behind the service address that pods are told. It knows the
# cluster's names and denies all others, at once.

dns_up() {
    cat >"$state/Corefile" <<COREFILE
cluster.local in-addr.arpa {
    bind $cp_ip
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $state/dns.kubeconfig
        pods insecure
    }
}
. {
    bind $cp_ip
    template ANY ANY {
        rcode NXDOMAIN
    }
}
COREFILE
    # For programs in the control plane's namespace.
    printf 'nameserver %s\nsearch svc.cluster.local cluster.local\n' "$cp_ip" >"$state/resolv.conf"
    kubectl apply -f - >/dev/null <<YAML
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: coredns}
rules:
- {apiGroups: [""], resources: [services, pods, namespaces, endpoints], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: coredns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: coredns}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $dns_service_ip
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: [$cp_ip]}]
YAML
    start dns nsenter --net="/run/netns/$cp_ns" -- "$bin/coredns" -conf "$state/Corefile"
    wait_for 30 dns "CoreDNS's port" in_cp bash -c ": </dev/tcp/$cp_ip/53"
}

dns_down() { stop dns KILL; }
