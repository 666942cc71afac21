# shellcheck shell=bash
# What the cluster is built from. Kubernetes' and etcd's versions stand in kubernetes/go.mod, CoreDNS's in dns/go.mod.
# The built programs are cached under the hash of these files and dns/main.go.
helm=helm.sh/helm/v4/cmd/helm@v4.3.1
