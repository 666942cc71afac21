#!/usr/bin/env bash
# How to use the running cluster.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
here=${cluster#"$PWD"/}
cat <<TEXT
  $here/enter kubectl get nodes     any command, in the cluster's network, with KUBECONFIG set; kubectl and helm are there
  make cluster-shell                a shell there
  make images cluster-load          build the image and load it into both nodes
  $here/node-cut.sh 2               cut node 2 off the network; node-join.sh 2 plugs it in again
  make cluster-down
  KUBECONFIG=$state/kubeconfig   logs in $state/logs, calls of the apiserver in $state/audit.log
  S3: http://s3.storage.svc:9000, bucket $s3_bucket, key $s3_key, secret $s3_secret
TEXT
