"""The rendered chart, property by property."""

import tomllib
import unittest

import helm_python
import kubernetes_validate
from common import CHART, example_values, host_metrics, host_settings, of_kind, render

# The oldest and the newest Kubernetes that the manifests are held against.
KUBERNETES = ("1.30", "1.37")
# Of somebody else's, so that there is no schema for it here.
FOREIGN = {"ServiceMonitor"}


class Chart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.manifests = render(serviceMonitor={"enabled": True})
        cls.deployment = of_kind(cls.manifests, "Deployment")
        cls.pod = cls.deployment["spec"]["template"]["spec"]
        cls.container = cls.pod["containers"][0]
        cls.service = of_kind(cls.manifests, "Service", "prod-strongroom")

    def test_lint_finds_nothing(self):
        report = helm_python.lint(str(CHART), example_values(), strict=True)
        self.assertEqual(report["errors"], [])
        self.assertEqual([m for m in report["messages"] if m["severity"] >= 2], [])

    def test_manifests_follow_kubernetes_own_schemas(self):
        for manifest in self.manifests:
            if manifest["kind"] in FOREIGN:
                continue
            for version in KUBERNETES:
                with self.subTest(kind=manifest["kind"], version=version):
                    kubernetes_validate.validate(manifest, version, strict=True)

    def test_a_foreign_field_would_be_noticed(self):
        wrong = {**self.service, "spec": {**self.service["spec"], "affinity": "x"}}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)

    def test_one_container_and_nothing_beside_it(self):
        self.assertEqual(len(self.pod["containers"]), 1)
        self.assertNotIn("initContainers", self.pod)

    def test_not_root(self):
        context = self.pod["securityContext"]
        self.assertTrue(context["runAsNonRoot"])
        self.assertEqual((context["runAsUser"], context["runAsGroup"]), (65532, 65532))

    def test_read_only_unprivileged_no_capabilities(self):
        context = self.container["securityContext"]
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertFalse(context["allowPrivilegeEscalation"])
        self.assertFalse(context["privileged"])
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})

    def test_system_calls_are_filtered_by_the_profile_that_the_nodes_get(self):
        self.assertEqual(
            self.pod["securityContext"]["seccompProfile"],
            {"type": "Localhost", "localhostProfile": "strongroom-host.json"},
        )

    def test_nothing_of_the_node_but_the_enclave_device(self):
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertFalse(self.pod[name])
        for volume in self.pod["volumes"]:
            self.assertNotIn("hostPath", volume)
        self.assertEqual(self.pod["securityContext"]["supplementalGroups"], [1500])

    def test_no_token_of_kubernetes(self):
        self.assertFalse(self.pod["automountServiceAccountToken"])
        self.assertFalse(of_kind(self.manifests, "ServiceAccount")["automountServiceAccountToken"])

    def test_one_enclave_and_its_pages_requested_and_limited(self):
        for resources in self.container["resources"].values():
            self.assertEqual(resources["aws.ec2.nitro/nitro_enclaves"], "1")
            self.assertEqual(resources["hugepages-1Gi"], "4096Mi")
        pages = [v["emptyDir"] for v in self.pod["volumes"] if v["name"] == "hugepages"]
        self.assertEqual(pages, [{"medium": "HugePages-1Gi"}])

    def test_pages_of_2mi_on_demand(self):
        pod = of_kind(render(enclave={"pageSize": "2Mi"}), "Deployment")["spec"]["template"]["spec"]
        self.assertEqual(pod["containers"][0]["resources"]["limits"]["hugepages-2Mi"], "4096Mi")
        self.assertIn({"name": "hugepages", "emptyDir": {"medium": "HugePages-2Mi"}}, pod["volumes"])

    def test_memory_of_the_enclave_is_what_the_pod_requests(self):
        start = self.settings()["enclave_start"]
        self.assertEqual(start[start.index("--memory") + 1], "4096")
        self.assertEqual(start[start.index("--cpu-count") + 1], "2")

    def test_the_enclave_is_never_started_in_debug_mode(self):
        self.assertNotIn("--debug-mode", self.settings()["enclave_start"])
        self.assertNotIn("--attach-console", self.settings()["enclave_start"])

    def test_nodes_are_chosen_and_their_taint_tolerated(self):
        self.assertEqual(self.pod["nodeSelector"]["aws-nitro-enclaves-k8s-dp"], "enabled")
        self.assertEqual(
            self.pod["tolerations"],
            [{"key": "strongroom/enclave", "operator": "Equal", "value": "only", "effect": "NoSchedule"}],
        )

    def test_no_two_pods_share_a_node(self):
        rules = self.pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        self.assertEqual(
            rules,
            [
                {
                    "topologyKey": "kubernetes.io/hostname",
                    "namespaceSelector": {},
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "strongroom"}},
                }
            ],
        )

    def test_pods_spread_over_zones(self):
        keys = [c["topologyKey"] for c in self.pod["topologySpreadConstraints"]]
        self.assertEqual(keys, ["topology.kubernetes.io/zone"])

    def test_probes(self):
        paths = {name: self.container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
        self.assertEqual(paths, {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"})

    def test_there_is_time_to_drain(self):
        settings = self.settings()
        # What docs/host.md says a stop takes beyond.
        needed = settings["drain_delay_s"] + settings["grace_s"] + 65
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], needed)
        # Interval times threshold of the load balancer's health check.
        notices = self.annotation("healthcheck-interval"), self.annotation("healthcheck-unhealthy-threshold")
        self.assertGreaterEqual(settings["drain_delay_s"], int(notices[0]) * int(notices[1]))

    def test_the_image_is_pinned_by_its_digest(self):
        self.assertRegex(self.container["image"], r"@sha256:[0-9a-f]{64}$")

    def test_no_affinity_anywhere(self):
        self.assertEqual(self.service["spec"]["sessionAffinity"], "None")
        self.assertIn("stickiness.enabled=false", self.annotation("target-group-attributes"))
        self.assertIn("cross_zone.enabled=true", self.annotation("attributes"))

    def test_the_load_balancer_asks_for_readiness(self):
        self.assertEqual(self.annotation("healthcheck-path"), "/readyz")
        self.assertEqual(self.annotation("healthcheck-protocol"), "http")

    def test_the_load_balancer_is_internal_by_default(self):
        self.assertEqual(self.annotation("scheme"), "internal")

    def test_a_certificate_at_the_load_balancer_keeps_http_2(self):
        service = of_kind(render(service={"certificateArn": "arn:aws:acm:x"}), "Service", "prod-strongroom")
        annotations = service["metadata"]["annotations"]
        self.assertEqual(annotations["service.beta.kubernetes.io/aws-load-balancer-alpn-policy"], "HTTP2Preferred")

    def test_tls_at_the_host(self):
        manifests = render(tls={"secretName": "edge"})
        container = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["readinessProbe"]["httpGet"]["scheme"], "HTTPS")
        mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
        settings = tomllib.loads(of_kind(manifests, "ConfigMap")["data"]["host.toml"])
        self.assertEqual(settings["tls_key"], mounts["tls"] + "/tls.key")

    def test_a_drain_of_nodes_leaves_replicas(self):
        budget = of_kind(self.manifests, "PodDisruptionBudget")
        scaler = of_kind(self.manifests, "HorizontalPodAutoscaler")
        self.assertLess(budget["spec"]["maxUnavailable"], scaler["spec"]["minReplicas"])
        self.assertEqual(budget["spec"]["selector"], self.deployment["spec"]["selector"])

    def test_scaling_on_pending_requests_and_never_on_cpu(self):
        metrics = of_kind(self.manifests, "HorizontalPodAutoscaler")["spec"]["metrics"]
        self.assertEqual([m["type"] for m in metrics], ["Pods"])
        self.assertIn(metrics[0]["pods"]["metric"]["name"], host_metrics())
        self.assertNotIn("replicas", self.deployment["spec"])

    def test_without_scaling_the_number_is_fixed(self):
        manifests = render(autoscaling={"enabled": False}, replicaCount=3)
        self.assertEqual(of_kind(manifests, "Deployment")["spec"]["replicas"], 3)
        self.assertFalse([m for m in manifests if m["kind"] == "HorizontalPodAutoscaler"])

    def test_network_in(self):
        policy = of_kind(self.manifests, "NetworkPolicy")["spec"]
        self.assertEqual(sorted(policy["policyTypes"]), ["Egress", "Ingress"])
        ports = {rule["ports"][0]["port"]: rule.get("from") for rule in policy["ingress"]}
        self.assertEqual(ports["edge"], [{"ipBlock": {"cidr": "10.0.0.0/16"}}])
        self.assertEqual([set(peer) for peer in ports["metrics"]], [{"namespaceSelector"}])
        self.assertEqual(len(ports), 2)

    def test_network_out(self):
        rules = of_kind(self.manifests, "NetworkPolicy")["spec"]["egress"]
        ports = [[p["port"] for p in rule["ports"]] for rule in rules]
        self.assertEqual(ports, [[53, 53], [80], [443]])
        for rule in rules:
            self.assertTrue(rule["to"], "a rule without peers allows everybody")
        self.assertEqual(rules[1]["to"], [{"ipBlock": {"cidr": "169.254.170.23/32"}}])

    def test_the_pod_identity_agent_of_ipv6(self):
        url = "http://[fd00:ec2::23]/v1/credentials"
        rules = of_kind(render(credentials={"url": url}), "NetworkPolicy")["spec"]["egress"]
        self.assertEqual(rules[1]["to"], [{"ipBlock": {"cidr": "fd00:ec2::23/128"}}])

    def test_the_host_keeps_things_on_a_volume_of_the_pod(self):
        mounts = {m["name"]: m["mountPath"] for m in self.container["volumeMounts"]}
        self.assertEqual(self.settings()["state_dir"], mounts["state"])
        self.assertIn({"name": "state", "emptyDir": {"sizeLimit": "4Gi"}}, self.pod["volumes"])
        self.assertNotIn("audit_forward", self.settings())

    def test_the_audit_log_goes_to_the_clusters_collector_on_demand(self):
        manifests = render(state={"forwardAuditLog": True})
        settings = tomllib.loads(of_kind(manifests, "ConfigMap")["data"]["host.toml"])
        self.assertEqual(settings["audit_forward"], "-")

    def test_no_page_of_another_origin_may_ask_unless_it_is_listed(self):
        self.assertNotIn("cors_origins", self.settings())
        origins = ["https://app.example.com", "http://[::1]:8081"]
        manifests = render(host={"corsOrigins": origins})
        settings = tomllib.loads(of_kind(manifests, "ConfigMap")["data"]["host.toml"])
        self.assertEqual(settings["cors_origins"], origins)

    def test_settings_are_the_hosts(self):
        self.assertEqual(set(self.settings()) - host_settings(), set())

    def test_a_changed_setting_restarts_the_pods(self):
        key = "strongroom/config-sha256"
        annotations = self.deployment["spec"]["template"]["metadata"]["annotations"]
        other = of_kind(render(host={"logLevel": "debug"}), "Deployment")["spec"]["template"]["metadata"]["annotations"]
        self.assertNotEqual(annotations[key], other[key])

    def test_monitoring_sees_pods_that_are_not_ready(self):
        metrics = of_kind(self.manifests, "Service", "-metrics")
        self.assertTrue(metrics["spec"]["publishNotReadyAddresses"])
        monitor = of_kind(self.manifests, "ServiceMonitor")["spec"]
        labels = metrics["metadata"]["labels"]
        for key, value in monitor["selector"]["matchLabels"].items():
            self.assertEqual(labels[key], value)
        self.assertNotIn("strongroom/metrics", self.service["metadata"]["labels"])

    def settings(self):
        return tomllib.loads(of_kind(self.manifests, "ConfigMap")["data"]["host.toml"])

    def annotation(self, name):
        return self.service["metadata"]["annotations"][f"service.beta.kubernetes.io/aws-load-balancer-{name}"]


if __name__ == "__main__":
    unittest.main()
