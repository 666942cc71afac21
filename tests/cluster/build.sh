#!/usr/bin/env bash
# Builds Kubernetes, etcd, CoreDNS, Helm and versitygw from Go modules into the cache. Does nothing when they are there.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"

"$cluster/../../scripts/install-versitygw"
[ -e "$bin/complete" ] && exit 0
command -v go >/dev/null || die "Go is missing: install Go 1.26 or newer, then run this again"

version() { sed -n "s|^\(require \)*\t*$2 \(v[0-9.]*\)\( // indirect\)*$|\2|p" "$cluster/$1/go.mod"; }
k8s=$(version kubernetes k8s.io/kubernetes)
minor=${k8s#v1.}; minor=${minor%%.*}
# Without these the server and user agents call themselves v0.0.0, and clients complain.
v=k8s.io/component-base/version
c=k8s.io/client-go/pkg/version
ldflags="-s -w -X $v.gitVersion=$k8s -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $c.gitVersion=$k8s"
export CGO_ENABLED=0

mkdir -p "$bin"
say "building the test cluster: Kubernetes $k8s, etcd $(version kubernetes go.etcd.io/etcd/server/v3), CoreDNS $(version dns github.com/coredns/coredns), Helm ${helm#*@} (minutes, once)"
(
    cd "$cluster/kubernetes"
    for part in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
        go build -trimpath -ldflags "$ldflags" -o "$bin/$part" "k8s.io/kubernetes/cmd/$part"
    done
    go build -trimpath -ldflags "-s -w" -o "$bin/etcd" go.etcd.io/etcd/server/v3
)
(cd "$cluster/dns" && go build -trimpath -ldflags "-s -w" -o "$bin/coredns" .)
GOBIN=$bin go install -trimpath -ldflags "-s -w" "$helm"
touch "$bin/complete"
say "built in $SECONDS s: $bin"
