#!/usr/bin/env bash
# run.sh [FILTER]: installs the operator with Helm and runs the end-to-end tests, or those whose name contains FILTER.
# Inside tests/cluster/enter, or with KUBECONFIG of any cluster whose nodes have the image. Removes what it installed.
#   E2E_IMAGE     the image with both programs (localhost/streamjob:dev)
#   E2E_THREADS   tests that run side by side (3)
#   E2E_KEEP=1    namespaces of failed tests stay, and so does the operator
#   E2E_OUT       folder for what helps to find out why a test failed (dist/e2e)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/streamjob/target}
export E2E_OUT=${E2E_OUT:-$root/dist/e2e} E2E_OPERATOR_NAMESPACE=${E2E_OPERATOR_NAMESPACE:-streamjob-system}
export E2E_RELEASE=${E2E_RELEASE:-streamjob-operator}
[ -n "${KUBECONFIG:-}" ] || { echo "e2e: KUBECONFIG is not set: make e2e, or tests/cluster/enter tests/e2e/run.sh" >&2; exit 1; }
rm -rf "$E2E_OUT"
mkdir -p "$E2E_OUT"

defined=$(kubectl get crd streamjobs.streamjob.dev --ignore-not-found -o name)
operator_log=
# shellcheck disable=SC2317,SC2086  # called by the trap
finish() {
    local code=$?
    [ -z "$operator_log" ] || kill "$operator_log" 2>/dev/null || true
    if [ $code != 0 ]; then
        kubectl get sj -A -o yaml >"$E2E_OUT/streamjobs.yaml" 2>&1 || true
        kubectl get events -A --sort-by=.lastTimestamp >"$E2E_OUT/events.txt" 2>&1 || true
        kubectl get pods -A -o wide >"$E2E_OUT/pods.txt" 2>&1 || true
        echo "e2e: failed; how things stood is in $E2E_OUT" >&2
        [ -z "${E2E_KEEP:-}" ] || exit $code
    fi
    kubectl delete namespace -l streamjob.dev/test=e2e --wait --timeout=120s >/dev/null 2>&1 || true
    helm uninstall "$E2E_RELEASE" --namespace "$E2E_OPERATOR_NAMESPACE" --wait >/dev/null 2>&1 || true
    # With the definitions all jobs of the cluster would go, so only those that were not there before.
    [ -n "$defined" ] || kubectl delete -f crds/manifests --ignore-not-found >/dev/null 2>&1 || true
    kubectl delete namespace "$E2E_OPERATOR_NAMESPACE" --ignore-not-found >/dev/null 2>&1 || true
    exit $code
}

trap finish EXIT
kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: $E2E_OPERATOR_NAMESPACE, labels: {pod-security.kubernetes.io/enforce: restricted}}
YAML
image=${E2E_IMAGE:-localhost/streamjob:dev}
export E2E_VALUES=$E2E_OUT/values.yaml
cat >"$E2E_VALUES" <<YAML
replicas: 1
image: {repository: ${image%:*}, tag: ${image##*:}}
YAML
helm upgrade --install "$E2E_RELEASE" charts/streamjob-operator --namespace "$E2E_OPERATOR_NAMESPACE" --take-ownership --force-conflicts \
    --values "$E2E_VALUES" --wait --timeout 3m >"$E2E_OUT/helm.log" 2>&1 || { cat "$E2E_OUT/helm.log" >&2; exit 1; }

# Its pods come and go; each one's log is followed from its beginning.
follow() {
    local pod seen=" "
    while :; do
        for pod in $(kubectl -n "$E2E_OPERATOR_NAMESPACE" get pods -l app.kubernetes.io/name=streamjob-operator \
            --field-selector=status.phase=Running -o name 2>/dev/null); do
            case $seen in *" $pod "*) continue ;; esac
            seen="$seen$pod "
            kubectl -n "$E2E_OPERATOR_NAMESPACE" logs -f "$pod" >"$E2E_OUT/operator-${pod#pod/}.log" 2>&1 &
        done
        sleep 1
    done
}
follow &
operator_log=$!

# First those that stand each other, then those that break something, one at a time.
alone=(writes:: operators:: machine:: undecodable:: package:: kills::the_operator)
run() { cargo test --release -p streamjob-tests --test e2e -- --nocapture "$@" || failed=1; }
failed=0
if [ $# -gt 0 ]; then
    tests=$(cargo test --release -p streamjob-tests --test e2e -- --list "$@")
    grep -q ': test$' <<<"$tests" || { echo "e2e: no test is called so: $*" >&2; exit 1; }
    run --test-threads="${E2E_THREADS:-3}" "$@"
else
    skip=()
    for name in "${alone[@]}"; do skip+=(--skip "$name"); done
    run --test-threads="${E2E_THREADS:-3}" "${skip[@]}"
    run --test-threads=1 "${alone[@]}"
fi
exit $failed
