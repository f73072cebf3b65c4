"""Alerts name metrics that exist and sections that somebody can read. promtool judges the rules themselves."""

import re
import unittest

import yaml
from common import DEPLOY, ROOT, host_metrics

MONITORING = DEPLOY / "monitoring"


def rules():
    return yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]


def anchors(path):
    """Anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Alerts(unittest.TestCase):
    def test_metrics_exist(self):
        self.assertIn("strongroom_host_latency_seconds_bucket", host_metrics())
        for path in ("alerts.yaml", "alerts_test.yaml", "prometheus-adapter.yaml"):
            named = set(re.findall(r"strongroom_host_\w+", (MONITORING / path).read_text()))
            with self.subTest(path):
                self.assertTrue(named)
                self.assertEqual(named - host_metrics(), set())

    def test_each_has_a_severity_and_a_section_of_the_runbook(self):
        known = anchors(ROOT / "docs" / "runbook.md")
        for rule in rules():
            with self.subTest(rule["alert"]):
                self.assertIn(rule["labels"]["severity"], {"page", "ticket"})
                page, anchor = rule["annotations"]["runbook"].split("#")
                self.assertEqual(page, "docs/runbook.md")
                self.assertIn(anchor, known)

    def test_each_is_tested_firing_and_silent(self):
        tests = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text())["tests"]
        cases = [case for test in tests for case in test["alert_rule_test"]]
        firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
        silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
        names = {rule["alert"] for rule in rules()}
        self.assertEqual(firing, names)
        self.assertEqual(silent, names)


if __name__ == "__main__":
    unittest.main()
