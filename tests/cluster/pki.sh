# shellcheck shell=bash
# The cluster's own authority, and a certificate and kubeconfig for each part. New at every start.

pki=$state/pki

# cert NAME SUBJECT [SAN]: pki/NAME.crt and .key, for servers and clients.
cert() {
    local san=()
    [ $# -lt 3 ] || san=(-addext "subjectAltName=$3")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 \
        -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -subj "$2" -keyout "$pki/$1.key" -out "$pki/$1.crt" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth \
        "${san[@]}" 2>/dev/null || die "openssl (3.0 or newer is needed) made no certificate for $1"
}

# kubeconfig NAME FILE: FILE logs in with the certificate NAME; all is inside the file.
kubeconfig() {
    (umask 077; cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: streamjob-test
clusters:
- name: streamjob-test
  cluster: {server: "https://$cp_ip:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}
contexts:
- name: streamjob-test
  context: {cluster: streamjob-test, user: $1}
YAML
    )
}

make_pki() {
    local n
    (umask 077; mkdir -p "$pki")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj /CN=streamjob-test-ca \
        -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
    openssl genrsa -out "$pki/service-accounts.key" 2048 2>/dev/null
    openssl rsa -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub" 2>/dev/null

    cert apiserver /CN=kube-apiserver "IP:$cp_ip,IP:$api_service_ip,IP:127.0.0.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    cert apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet
    cert admin /O=system:masters/CN=admin
    cert controller-manager /CN=system:kube-controller-manager
    cert scheduler /CN=system:kube-scheduler
    cert proxy /CN=system:kube-proxy
    cert dns /CN=coredns
    for n in "${nodes[@]}"; do
        # logs and exec: the apiserver checks the address it calls the kubelet at.
        cert "node-$n" "/O=system:nodes/CN=system:node:node-$n" "IP:$(node_ip "$n"),DNS:node-$n"
        kubeconfig "node-$n" "$state/node-$n.kubeconfig"
    done
    kubeconfig controller-manager "$state/controller-manager.kubeconfig"
    kubeconfig scheduler "$state/scheduler.kubeconfig"
    kubeconfig proxy "$state/proxy.kubeconfig"
    kubeconfig dns "$state/dns.kubeconfig"
    kubeconfig admin "$state/kubeconfig"
}
