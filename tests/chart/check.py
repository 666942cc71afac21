#!/usr/bin/env python3
"""What the chart makes of its values, without a cluster: helm renders, this looks at the objects."""
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/streamjob-operator"
HELM = os.environ["HELM"]
JOB_VERBS = {"get", "list", "watch", "create", "patch", "update", "delete"}
# What the operator asks of the API server, and nothing else.
RIGHTS = {
    ("streamjob.dev", "streamjobs"): {"get", "list", "watch", "patch", "update"},
    ("streamjob.dev", "streamjobs/status"): {"patch", "update"},
    ("streamjob.dev", "streamjobs/finalizers"): {"update"},
    ("apps", "controllerrevisions/finalizers"): {"update"},
    ("apps", "controllerrevisions"): JOB_VERBS,
    ("apps", "statefulsets"): JOB_VERBS,
    ("batch", "jobs"): JOB_VERBS,
    ("", "services"): JOB_VERBS,
    ("", "configmaps"): JOB_VERBS,
    ("", "serviceaccounts"): JOB_VERBS,
    ("policy", "poddisruptionbudgets"): JOB_VERBS,
    ("networking.k8s.io", "networkpolicies"): JOB_VERBS,
    ("", "pods"): {"get", "list", "watch", "delete"},
    ("events.k8s.io", "events"): {"create", "patch"},
}


def template(*settings, chart=CHART, release="streamjob-operator"):
    """helm's process: its output, or why it refuses."""
    values = [word for s in settings for word in ("--set-json", s)]
    command = [HELM, "template", release, str(chart), "--namespace", "streamjob-system", *values]
    return subprocess.run(command, capture_output=True, text=True)


@functools.cache
def render(*settings, **how):
    done = template(*settings, **how)
    if done.returncode:
        raise AssertionError(f"{settings}: {done.stderr}")
    return [d for d in yaml.safe_load_all(done.stdout) if d]


def of_kind(objects, kind):
    return [o for o in objects if o["kind"] == kind]


def one(objects, kind, name="streamjob-operator"):
    found = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} {kind} {name}"
    return found[0]


def pod(objects):
    return one(objects, "Deployment")["spec"]["template"]


def operator(objects):
    (container,) = pod(objects)["spec"]["containers"]
    return container


def rights(role):
    """(group, resource) → verbs."""
    found = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


class Objects(unittest.TestCase):
    def test_helm_finds_nothing_to_say(self):
        done = subprocess.run([HELM, "lint", "--strict", "--quiet", str(CHART)], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout.strip()), (0, ""), done.stderr)

    def test_what_is_made_by_default(self):
        made = sorted((o["kind"], o["metadata"]["name"]) for o in render())
        wide = "streamjob-system-streamjob-operator"
        self.assertEqual(made, sorted([
            ("CustomResourceDefinition", "streamjobs.streamjob.dev"),
            ("CustomResourceDefinition", "streamjobsnapshots.streamjob.dev"),
            ("ClusterRole", wide), ("ClusterRole", f"{wide}-edit"), ("ClusterRole", f"{wide}-view"),
            ("ClusterRoleBinding", wide), ("Role", "streamjob-operator-leader"),
            ("RoleBinding", "streamjob-operator-leader"), ("ServiceAccount", "streamjob-operator"),
            ("Service", "streamjob-operator-metrics"), ("Deployment", "streamjob-operator"),
        ]))

    def test_the_pod_is_restricted(self):
        spec = pod(render())["spec"]
        self.assertTrue(spec["securityContext"]["runAsNonRoot"])
        self.assertEqual(spec["securityContext"]["runAsUser"], 65532)
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        context = operator(render())["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertNotIn("volumes", spec)

    def test_the_pod_is_found_by_its_labels(self):
        for settings in [(), ('podLabels={"team": "data"}',)]:
            objects = render(*settings)
            deployment = one(objects, "Deployment")
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            selectors = [deployment["spec"]["selector"]["matchLabels"],
                         one(objects, "Service", "streamjob-operator-metrics")["spec"]["selector"]]
            for selector in selectors:
                self.assertTrue(selector.items() <= labels.items(), (selector, labels))
        self.assertEqual(labels["team"], "data")
        # The policies of jobs let in pods with the label that stands in the operator's source.
        source = (ROOT / "operator/src/build/shared.rs").read_text()
        key, value = re.search(r'OPERATOR: .* = \("([^"]+)", "([^"]+)"\)', source).groups()
        self.assertEqual(labels[key], value)

    def test_another_release_keeps_the_label_and_has_names_of_its_own(self):
        (deployment,) = of_kind(render(release="other"), "Deployment")
        self.assertEqual(deployment["metadata"]["name"], "other-streamjob-operator")
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        self.assertEqual(labels["app.kubernetes.io/name"], "streamjob-operator")
        lease = one(render(release="other"), "Role", "other-streamjob-operator-leader")["rules"][0]
        self.assertEqual(lease["resourceNames"], ["other-streamjob-operator"])
        args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertIn("--lease-name=other-streamjob-operator", args)

    def test_how_the_program_is_called(self):
        container = operator(render())
        self.assertEqual(container["image"], "localhost/streamjob:dev")
        self.assertEqual(container["command"], ["/usr/local/bin/streamjob-operator"])
        self.assertEqual(container["args"], [
            "run", "--image=localhost/streamjob:dev", "--bind=0.0.0.0:8080", "--lease-name=streamjob-operator",
            "--lease-namespace=$(POD_NAMESPACE)", "--log-format=json"])
        env = {e["name"]: e for e in container["env"]}
        self.assertEqual(env["POD_NAME"]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name")
        self.assertEqual(env["POD_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.namespace")
        self.assertEqual(env["RUST_LOG"]["value"], "warn,streamjob_operator=info")
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        for probe, path in [("livenessProbe", "live"), ("readinessProbe", "ready"), ("startupProbe", "live")]:
            http = container[probe]["httpGet"]
            self.assertEqual((http["path"], ports[http["port"]]), (f"/health/{path}", 8080))
        # The image puts its programs there.
        self.assertIn("usr/local/bin/", (ROOT / "scripts/image/root.sh").read_text())

    def test_an_upgrade_never_leaves_nobody(self):
        self.assertEqual(one(render(), "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0)

    def test_values_reach_the_pod(self):
        digest = "sha256:" + "0" * 64
        objects = render(
            f'image={{"repository": "r.example:5000/s", "digest": "{digest}", "pullPolicy": "Always"}}',
            'runtimeImage="r.example/runtime:1"', 'imagePullSecrets=[{"name": "pull"}]',
            'log={"level": "debug,kube=warn", "format": "text"}', 'podAnnotations={"a": "1"}',
            'extraEnv=[{"name": "X", "value": "y"}]', 'nodeSelector={"disk": "fast"}', 'tolerations=[]',
            'affinity={"nodeAffinity": {}}', 'topologySpreadConstraints=[{"maxSkew": 2}]',
            'priorityClassName="high"', 'resources={"limits": {"cpu": 1}}')
        spec, container = pod(objects)["spec"], operator(objects)
        self.assertEqual(container["image"], f"r.example:5000/s@{digest}")
        self.assertEqual(container["imagePullPolicy"], "Always")
        self.assertIn("--image=r.example/runtime:1", container["args"])
        self.assertIn("--log-format=text", container["args"])
        self.assertIn({"name": "RUST_LOG", "value": "debug,kube=warn"}, container["env"])
        self.assertIn({"name": "X", "value": "y"}, container["env"])
        self.assertEqual(container["resources"]["limits"], {"cpu": 1, "memory": "256Mi"})
        self.assertEqual(pod(objects)["metadata"]["annotations"], {"a": "1"})
        self.assertEqual(spec["imagePullSecrets"], [{"name": "pull"}])
        self.assertEqual(spec["nodeSelector"], {"disk": "fast"})
        self.assertEqual(spec["affinity"], {"nodeAffinity": {}})
        self.assertEqual(spec["topologySpreadConstraints"], [{"maxSkew": 2}])
        self.assertEqual(spec["priorityClassName"], "high")
        self.assertNotIn("tolerations", spec)
        # A runtime image of its own is no matter of the operator's; without one it is the same.
        self.assertIn(f"--image=r.example:5000/s@{digest}",
                      operator(render(f'image={{"repository": "r.example:5000/s", "digest": "{digest}"}}'))["args"])

    def test_two_replicas_are_spread_and_have_a_budget(self):
        self.assertEqual(of_kind(render(), "PodDisruptionBudget"), [])
        objects = render("replicas=2")
        labels = pod(objects)["metadata"]["labels"]
        budget = one(objects, "PodDisruptionBudget")["spec"]
        (spread,) = pod(objects)["spec"]["topologySpreadConstraints"]
        self.assertEqual(budget["maxUnavailable"], 1)
        for selector in [budget["selector"], spread["labelSelector"]]:
            self.assertTrue(selector["matchLabels"].items() <= labels.items())
        self.assertEqual(of_kind(render("replicas=2", 'podDisruptionBudget={"enabled": false}'), "PodDisruptionBudget"), [])


class Rights(unittest.TestCase):
    def test_in_the_whole_cluster(self):
        objects = render()
        role = one(objects, "ClusterRole", "streamjob-system-streamjob-operator")
        self.assertEqual(rights(role), RIGHTS)
        self.bound(one(objects, "ClusterRoleBinding", role["metadata"]["name"]), role)

    def test_in_watched_namespaces(self):
        objects = render('watchNamespaces=["shop", "lab"]')
        roles = [o for o in of_kind(objects, "Role") if o["metadata"]["name"] == "streamjob-operator-jobs"]
        self.assertEqual([r["metadata"]["namespace"] for r in roles], ["shop", "lab"])
        bindings = [o for o in of_kind(objects, "RoleBinding") if o["metadata"]["name"] == "streamjob-operator-jobs"]
        for role, binding in zip(roles, bindings, strict=True):
            self.assertEqual(rights(role), RIGHTS)
            self.assertEqual(role["metadata"]["namespace"], binding["metadata"]["namespace"])
            self.bound(binding, role)
        self.assertEqual(of_kind(objects, "ClusterRoleBinding"), [])
        self.assertIn("--namespaces=shop,lab", operator(objects)["args"])

    def test_of_the_lease(self):
        role = one(render(), "Role", "streamjob-operator-leader")
        self.assertEqual(role["rules"], [
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["streamjob-operator"],
             "verbs": ["get", "update", "patch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        ])
        self.bound(one(render(), "RoleBinding", "streamjob-operator-leader"), role)

    def test_of_users(self):
        view = one(render(), "ClusterRole", "streamjob-system-streamjob-operator-view")
        edit = one(render(), "ClusterRole", "streamjob-system-streamjob-operator-edit")
        self.assertEqual({v for verbs in rights(view).values() for v in verbs}, {"get", "list", "watch"})
        for role in [view, edit]:
            self.assertEqual({group for group, _ in rights(role)}, {"streamjob.dev"})
        self.assertFalse({r for r in rights(edit) if r[1].endswith("/status")}, "only the operator writes status")
        label = "rbac.authorization.k8s.io/aggregate-to-view"
        self.assertEqual((view["metadata"]["labels"][label], edit["metadata"]["labels"].get(label)), ("true", None))
        none = render('rbac={"create": false, "aggregateRoles": false}')
        self.assertEqual([o["kind"] for o in none if "Role" in o["kind"]], [])

    def bound(self, binding, role):
        self.assertEqual(binding["roleRef"]["kind"], role["kind"])
        self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
        account = pod(render())["spec"]["serviceAccountName"]
        self.assertEqual(binding["subjects"], [{"kind": "ServiceAccount", "name": account, "namespace": "streamjob-system"}])


class Definitions(unittest.TestCase):
    def test_they_are_the_generated_ones_and_stay(self):
        found = of_kind(render(), "CustomResourceDefinition")
        wanted = [yaml.safe_load(f.read_text()) for f in sorted((ROOT / "crds/manifests").glob("*.yaml"))]
        self.assertEqual(len(found), 2)
        for ours, theirs in zip(sorted(found, key=lambda o: o["metadata"]["name"]), wanted, strict=True):
            self.assertEqual(ours["spec"], theirs["spec"])
            self.assertEqual(ours["metadata"]["annotations"], {"helm.sh/resource-policy": "keep"})

    def test_they_can_be_left_out_or_let_go(self):
        self.assertEqual(of_kind(render('crds={"install": false}'), "CustomResourceDefinition"), [])
        for definition in of_kind(render('crds={"keep": false}'), "CustomResourceDefinition"):
            self.assertNotIn("annotations", definition["metadata"])

    def test_a_package_holds_them(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([HELM, "package", str(CHART), "-d", folder], check=True, capture_output=True)
            (package,) = pathlib.Path(folder).iterdir()
            self.assertEqual(render(chart=package), render())


class Monitoring(unittest.TestCase):
    def test_monitors_find_their_pods(self):
        objects = render('metrics={"serviceMonitor": {"enabled": true, "labels": {"release": "p"}}, '
                         '"jobs": {"podMonitor": {"enabled": true}}}')
        monitor = one(objects, "ServiceMonitor")
        service = one(objects, "Service", "streamjob-operator-metrics")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "p")
        self.assertTrue(monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items())
        self.assertEqual(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"])
        self.assertIs(monitor["spec"]["endpoints"][0]["honorLabels"], True)
        jobs = one(objects, "PodMonitor", "streamjob-operator-jobs")["spec"]
        # As the operator renders the pods of a job.
        pods = {"coordinator": "Job-orders-r7-coordinator", "worker": "StatefulSet-orders-r7-w"}
        ports = {e["port"] for e in jobs["podMetricsEndpoints"]}
        for snapshot in pods.values():
            text = next((ROOT / "operator/src/build/snapshots").glob(f"*__{snapshot}.snap")).read_text()
            template = yaml.safe_load(text.split("\n---\n", 1)[1])["spec"]["template"]
            self.assertTrue(jobs["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items())
            self.assertTrue(ports & {p["name"] for p in template["spec"]["containers"][0]["ports"]})

    def test_network_policy(self):
        objects = render('networkPolicy={"enabled": true, "apiServerPorts": [6443]}')
        spec = one(objects, "NetworkPolicy")["spec"]
        self.assertTrue(spec["podSelector"]["matchLabels"].items() <= pod(objects)["metadata"]["labels"].items())
        self.assertEqual({p["port"] for rule in spec["egress"] for p in rule["ports"]}, {53, 6443, 8081})


class Refusals(unittest.TestCase):
    # What is wrong, and what the message has to hold.
    CASES = [
        ('replicas="two"', "/replicas", "want integer"),
        ("replicas=-1", "/replicas", "minimum"),
        ("replica=2", "replica", "not allowed"),
        ('image={"tg": "x"}', "/image", "'tg' not allowed"),
        ('image={"tag": ""}', "/image/tag", "pattern"),
        ('image={"pullPolicy": "Sometimes"}', "/image/pullPolicy", "'IfNotPresent'"),
        ('image={"digest": "abc"}', "/image/digest", "sha256:"),
        ('imagePullSecrets=["pull"]', "/imagePullSecrets/0", "want object"),
        ('runtimeImage="a b"', "/runtimeImage", "pattern"),
        ('watchNamespaces="shop"', "/watchNamespaces", "want array"),
        ('watchNamespaces=["Shop"]', "/watchNamespaces/0", "'Shop'"),
        ('watchNamespaces=["a", "a"]', "/watchNamespaces", "equal"),
        ('crds={"install": "yes"}', "/crds/install", "want boolean"),
        ('log={"format": "xml"}', "/log/format", "'json', 'text'"),
        ('resources={"request": {}}', "/resources", "'request' not allowed"),
        ('resources={"requests": {"cpu": "lots"}}', "/resources/requests/cpu", "'lots'"),
        ('podLabels={"a": 1}', "/podLabels/a", "want string"),
        ('podLabels={"app.kubernetes.io/name": "x"}', "podLabels: app.kubernetes.io/name", "remove it"),
        ('extraEnv=[{"name": "RUST_LOG"}]', "extraEnv: RUST_LOG", "log.level"),
        ('extraEnv=[{"value": "x"}]', "/extraEnv/0", "'name'"),
        ('serviceAccount={"create": false}', "serviceAccount.name", "name the account"),
        ('metrics={"service": {"enabled": false}, "serviceMonitor": {"enabled": true}}',
         "metrics.serviceMonitor.enabled", "metrics.service.enabled: true"),
        ('metrics={"serviceMonitor": {"interval": "30"}}', "/metrics/serviceMonitor/interval", "pattern"),
        ('networkPolicy={"apiServerPorts": []}', "/networkPolicy/apiServerPorts", "minItems"),
    ]

    def test_wrong_values_are_refused_with_their_path(self):
        for setting, *words in self.CASES:
            with self.subTest(setting):
                done = template(setting)
                self.assertNotEqual(done.returncode, 0)
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_every_value_is_described(self):
        schema = json.loads((CHART / "values.schema.json").read_text())

        def walk(node, path):
            self.assertIn("description", node, path)
            if "properties" in node:
                self.assertIs(node.get("additionalProperties"), False, path)
                for name, value in node["properties"].items():
                    walk(value, f"{path}.{name}")

        for name, value in schema["properties"].items():
            if name not in ("extraEnv",):
                walk(value, name)
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        self.assertEqual(set(values), set(schema["properties"]) - {"global"})


class Files(unittest.TestCase):
    def test_what_is_made_from_other_files_is_up_to_date(self):
        done = subprocess.run([ROOT / "scripts/chart", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_plain_manifests_are_not_helms(self):
        text = (ROOT / "charts/streamjob-operator.yaml").read_text()
        self.assertNotRegex(text, r"helm\.sh|managed-by: Helm")
        kinds = [d["kind"] for d in yaml.safe_load_all(text)]
        self.assertEqual((kinds[0], kinds.count("Deployment")), ("Namespace", 1))


if __name__ == "__main__":
    sys.exit(unittest.main())
