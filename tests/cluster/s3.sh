# shellcheck shell=bash
# A real S3 server (versitygw over a folder) in the control plane's namespace: http://s3.storage.svc:9000 for pods,
# http://10.89.0.1:9000 for programs in that namespace. It honours If-None-Match and If-Match, which fencing needs;
# with --nometa it would ignore them.

s3_service() {
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: storage}
---
apiVersion: v1
kind: Service
metadata: {name: s3, namespace: storage}
spec:
  clusterIP: $s3_service_ip
  ports: [{name: s3, port: 9000}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s3, namespace: storage, labels: {kubernetes.io/service-name: s3}}
addressType: IPv4
ports: [{name: s3, port: 9000}]
endpoints: [{addresses: [$cp_ip]}]
YAML
}

s3_up() {
    mkdir -p "$data/objects/$s3_bucket" "$data/metadata"
    start s3 nsenter --net="/run/netns/$cp_ns" -- "$cache/bin/versitygw" --access "$s3_key" --secret "$s3_secret" \
        --quiet --port "$cp_ip:9000" posix --sidecar "$data/metadata" "$data/objects"
    wait_for 30 s3 "the S3 server's port" in_cp bash -c ": </dev/tcp/$cp_ip/9000"
}

# Nothing is lost with SIGKILL, and connections break at once.
s3_down() { stop s3 KILL; }
