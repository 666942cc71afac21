# shellcheck shell=bash
# Storage class `local`, the default: eight folders on each node, bound when a pod is scheduled. Nothing provisions new
# ones, and a volume whose claim was deleted is not offered again.

volumes_up() {
    {
        cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
        local n v
        for n in "${nodes[@]}"; do
            for v in {1..8}; do
                cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: node-$n-$v}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: /var/lib/volumes/$v}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node-$n]}]
YAML
            done
        done
    } | kubectl apply -f - >/dev/null
}
