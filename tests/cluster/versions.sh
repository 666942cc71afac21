# shellcheck shell=bash
# What the cluster is built from. Kubernetes' and etcd's versions stand in go/go.mod.
# The built programs are cached under the hash of this file and go.mod.
helm=helm.sh/helm/v4/cmd/helm@v4.3.1
coredns=github.com/coredns/coredns@v1.15.0
