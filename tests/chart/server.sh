#!/usr/bin/env bash
# What a real API server says to the chart, the plain manifests and the examples; and a release without pods: installed,
# its rights asked for, upgraded, uninstalled. The cluster is KUBECONFIG's, or the test cluster, where this runs in `enter`.
set -euo pipefail
cd "$(dirname "$0")/../.."
chart=charts/streamjob-operator
ns=chart-check-$$
release=chart-check-$$
work=$(mktemp -d)

# shellcheck disable=SC2317  # the trap calls it
finish() {
    helm uninstall "$release" -n "$ns" --ignore-not-found >/dev/null 2>&1 || true
    kubectl delete namespace "$ns" "$ns-jobs" --ignore-not-found --wait=false >/dev/null 2>&1 || true
    kubectl delete clusterrole,clusterrolebinding -l "app.kubernetes.io/instance=$release" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
failed=0
bad() { printf 'FAILED: %s\n' "$*" >&2; failed=1; }

# Definitions first: without them the server does not know a StreamJob.
kubectl apply --server-side --force-conflicts --field-manager=helm -f crds/manifests >/dev/null
kubectl wait --for=condition=Established --timeout=30s -f crds/manifests >/dev/null
kubectl create namespace "$ns" >/dev/null
kubectl create namespace "$ns-jobs" >/dev/null
# A pod that is not restricted gives a warning, and a warning is a failure here.
kubectl label namespace "$ns" "$ns-jobs" pod-security.kubernetes.io/{enforce,warn}=restricted >/dev/null

# accepted WHAT [FLAG…]: standard input by a dry run of the server.
accepted() {
    if ! kubectl apply --server-side --force-conflicts --field-manager=helm --dry-run=server "${@:2}" -f - >"$work/said" 2>&1 ||
        grep -i warning "$work/said" >/dev/null; then
        bad "$1"; grep -v serverside-applied "$work/said" >&2 || true
    fi
}

while read -r values; do
    # shellcheck disable=SC2086  # words
    helm template "$release" "$chart" -n "$ns" $values >"$work/rendered"
    accepted "chart with: $values" <"$work/rendered"
done <<VALUES

--set replicas=2
--set watchNamespaces={$ns-jobs}
--set crds.install=false --set rbac.create=false --set rbac.aggregateRoles=false
--set serviceAccount.create=false --set serviceAccount.name=default
--set networkPolicy.enabled=true --set priorityClassName=system-cluster-critical
--set image.digest=sha256:$(printf '0%.0s' {1..64}) --set imagePullSecrets[0].name=pull --set log.format=text
--set-json extraEnv=[{"name":"A","value":"b"}] --set-json podLabels={"a":"b"} --set-json affinity={"nodeAffinity":{}}
VALUES

sed "s/streamjob-system/$ns/" charts/streamjob-operator.yaml >"$work/plain"
accepted "charts/streamjob-operator.yaml" <"$work/plain"
for file in examples/kubernetes/*.yaml; do
    # shellcheck disable=SC2094  # its name is only for the message
    accepted "$file" <"$file"
done
# The dry run does judge: a field that is not there, and a rule of ours.
for wrong in 's/^  parallelism: 2/  paralelism: 2/' 's/^  parallelism: 2/  parallelism: 200/'; do
    if sed "$wrong" examples/kubernetes/first.yaml |
        kubectl apply --dry-run=server -f - >/dev/null 2>&1; then bad "accepted although $wrong"; fi
done

# A release without pods, so that no image is needed. The definitions may belong to somebody else by now.
install() {
    helm "$1" "$release" "$chart" -n "$ns" --set replicas=0 --wait --timeout 60s --take-ownership "${@:2}" >"$work/out" 2>&1 ||
        { bad "helm $1"; cat "$work/out" >&2; }
}
install install
sed -n "/<<'YAML'/,/^YAML$/p" "$work/out" | sed '1d;$d' >"$work/noted"
grep -q '^kind: StreamJob' "$work/noted" || bad "no first job in the notes"
accepted "the notes' first job" <"$work/noted"

# may WHO WHERE VERB RESOURCE[/NAME] [SUBRESOURCE]
can() { kubectl auth can-i --quiet --as="$1" -n "$2" "$3" "$4" --subresource="${5:-}"; }
may() { can "$@" || bad "$1 may not $3 ${*:4} in $2"; }
may_not() { if can "$@"; then bad "$1 may $3 ${*:4} in $2"; fi; }
operator=system:serviceaccount:$ns:$release-streamjob-operator
for what in statefulsets.apps jobs.batch services configmaps serviceaccounts controllerrevisions.apps \
    poddisruptionbudgets.policy networkpolicies.networking.k8s.io; do
    may "$operator" "$ns-jobs" create "$what"
done
may "$operator" "$ns-jobs" patch streamjobs.streamjob.dev status
may "$operator" "$ns-jobs" delete pods
may "$operator" "$ns" patch "leases.coordination.k8s.io/$release-streamjob-operator"
may_not "$operator" "$ns" patch leases.coordination.k8s.io/other
may_not "$operator" "$ns-jobs" create leases.coordination.k8s.io
for verb in get list watch create; do may_not "$operator" "$ns-jobs" "$verb" secrets; done
may_not "$operator" "$ns-jobs" create pods
may_not "$operator" "$ns-jobs" create pods exec
may_not "$operator" "$ns-jobs" create rolebindings.rbac.authorization.k8s.io
may_not "$operator" "$ns-jobs" delete streamjobs.streamjob.dev

# The objects of a job, as the operator renders them (its own snapshots), made under its account: rights and pod security.
for snapshot in operator/src/build/snapshots/*.snap; do
    sed "1d; 2,/^---\$/d; s/namespace: shop/namespace: $ns-jobs/" "$snapshot" >"$work/object"
    grep -q '^kind:' "$work/object" || bad "no object in $snapshot"
    accepted "$snapshot" --as="$operator" <"$work/object"
done

# Who may edit a namespace may scale its jobs; who may view it may not. Aggregation takes a moment.
kubectl -n "$ns-jobs" create rolebinding edit --clusterrole=edit --user=editor >/dev/null
kubectl -n "$ns-jobs" create rolebinding view --clusterrole=view --user=viewer >/dev/null
for _ in {1..50}; do can editor "$ns-jobs" patch streamjobs.streamjob.dev scale && break; sleep 0.2; done
may editor "$ns-jobs" patch streamjobs.streamjob.dev scale
may editor "$ns-jobs" create streamjobs.streamjob.dev
may_not editor "$ns-jobs" patch streamjobs.streamjob.dev status
may viewer "$ns-jobs" list streamjobs.streamjob.dev
may_not viewer "$ns-jobs" patch streamjobs.streamjob.dev

# An upgrade of the chart brings its definitions with it, and a rollback those of before.
cp -r "$chart" "$work/next"
sed -i '0,/^  names:/s//  names:\n    # next/; s/description: Where the job stands\./description: Where the job stands now./' "$work/next/files/crds/streamjobs.yaml"
column() { kubectl get crd streamjobs.streamjob.dev -o jsonpath='{.spec.versions[0].additionalPrinterColumns[0].description}'; }
[ "$(column)" = "Where the job stands." ] || bad "the definition is another one: $(column)"
chart=$work/next install upgrade
[ "$(column)" = "Where the job stands now." ] || bad "the definition was not upgraded: $(column)"
helm rollback "$release" -n "$ns" --wait >/dev/null || bad "helm rollback"
[ "$(column)" = "Where the job stands." ] || bad "the definition was not set back: $(column)"
install upgrade --set 'watchNamespaces={'"$ns-jobs"'}'
may "$operator" "$ns-jobs" create statefulsets.apps
may_not "$operator" default create statefulsets.apps

# What is uninstalled leaves the definitions, and nothing else.
helm uninstall "$release" -n "$ns" --wait >/dev/null
kubectl get crd streamjobs.streamjob.dev streamjobsnapshots.streamjob.dev >/dev/null || bad "the definitions are gone"
left=$(kubectl get clusterrole,clusterrolebinding,role,rolebinding,deployment,service,serviceaccount -A \
    -l "app.kubernetes.io/instance=$release" -o name)
[ -z "$left" ] || bad "left behind: $left"
[ $failed = 0 ] && echo "the API server takes the chart, the plain manifests and the examples"
exit $failed
