"""The operator's pages lead where they say."""

import re
import unittest

from common import ROOT
from test_monitoring import anchors

PAGES = ("production.md", "runbook.md", "sizing.md")


class Pages(unittest.TestCase):
    def test_links_and_anchors_exist(self):
        for name in PAGES:
            page = ROOT / "docs" / name
            for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
                if target.startswith("https://"):
                    continue
                with self.subTest(page=name, target=target):
                    path, _, anchor = target.partition("#")
                    other = (page.parent / path).resolve() if path else page
                    self.assertTrue(other.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(other))

    def test_files_of_deploy_exist(self):
        for name in PAGES:
            for path in re.findall(r"\bdeploy/[\w./-]*\w", (ROOT / "docs" / name).read_text()):
                with self.subTest(page=name, path=path):
                    # The object of kubectl and a file of Terraform's caller look alike.
                    self.assertTrue((ROOT / path).exists() or path.startswith("deploy/fraud-eu"))


if __name__ == "__main__":
    unittest.main()
