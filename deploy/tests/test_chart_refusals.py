"""Values that would weaken a deployment do not render."""

import unittest

import helm_python
from common import CHART, example_values, merged, render

# What is wrong, the values, and a word of the refusal.
REFUSED = [
    ("two enclaves in a pod, as a setting", {"enclave": {"count": 2}}, "count"),
    ("two enclaves in a pod, as a resource", {"host": {"resources": {"limits": {"aws.ec2.nitro/nitro_enclaves": "2"}}}}, "nitro_enclaves"),
    ("nodes without a taint", {"nodes": {"taint": {"key": ""}}}, "taint"),
    ("a taint that lets other pods in", {"nodes": {"taint": {"effect": "PreferNoSchedule"}}}, "effect"),
    ("tolerations of one's own", {"tolerations": [{"operator": "Exists"}]}, "tolerations"),
    ("pods allowed to share a node", {"affinity": {}}, "affinity"),
    ("nodes that anything runs on", {"nodes": {"selector": None}}, "selector"),
    ("a single replica", {"replicaCount": 1}, "replicaCount"),
    ("scaling down to one", {"autoscaling": {"minReplicas": 1}}, "minReplicas"),
    ("a ceiling below the floor", {"autoscaling": {"minReplicas": 4, "maxReplicas": 2}}, "maxReplicas"),
    ("scaling on CPU", {"autoscaling": {"targetCPUUtilizationPercentage": 80}}, "targetCPU"),
    ("scaling after the host refuses", {"autoscaling": {"pendingRequestsPerPod": 256}}, "pendingRequestsPerPod"),
    ("a budget that allows everybody to go", {"podDisruptionBudget": {"maxUnavailable": 2}}, "maxUnavailable"),
    ("an image by its tag", {"image": {"digest": "latest"}}, "digest"),
    ("root", {"securityContext": {"runAsUser": 0}}, "securityContext"),
    ("a privileged port", {"host": {"port": 443}}, "port"),
    ("an origin with a path", {"host": {"corsOrigins": ["https://app.example.com/"]}}, "corsOrigins"),
    ("memory that is no whole number of pages", {"enclave": {"memoryMiB": 4000}}, "memoryMiB"),
    ("half a core", {"enclave": {"cpus": 3}}, "cpus"),
    ("draining faster than the load balancer looks", {"host": {"drainDelaySeconds": 5}}, "drainDelaySeconds"),
    ("egress to everywhere", {"networkPolicy": {"endpointCidrs": []}}, "endpointCidrs"),
    ("a store on the node", {"store": "/srv/strongroom"}, "store"),
    ("credentials of another service", {"credentials": {"url": "http://169.254.169.254/"}}, "url"),
    ("affinity by annotation", {"service": {"annotations": {"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes": "stickiness.enabled=true"}}}, "target-group-attributes"),
    ("the internet without saying who", {"service": {"scheme": "internet-facing"}}, "sourceRanges"),
    ("TLS ended twice", {"tls": {"secretName": "edge"}, "service": {"certificateArn": "arn:aws:acm:x"}}, "exclude"),
    ("a name that is not known", {"hosts": {}}, "hosts"),
]


class Refusals(unittest.TestCase):
    def test_the_example_is_accepted(self):
        self.assertTrue(render())

    def test_defaults_alone_are_not_enough(self):
        with helm_python.Chart.load(str(CHART)) as chart:
            with self.assertRaises(helm_python.HelmValuesError) as refused:
                chart.render({}, name="prod", namespace="strongroom")
        for name in ("/image", "/region", "/store", "/networkPolicy/endpointCidrs"):
            self.assertIn(name, str(refused.exception))

    def test_what_weakens_is_refused_by_name(self):
        for what, changes, word in REFUSED:
            with self.subTest(what):
                with helm_python.Chart.load(str(CHART)) as chart:
                    with self.assertRaises(helm_python.HelmError) as refused:
                        chart.render(merged(example_values(), changes), name="prod", namespace="strongroom")
                self.assertIn(word, str(refused.exception))


if __name__ == "__main__":
    unittest.main()
