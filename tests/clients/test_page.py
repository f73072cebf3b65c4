"""The status page of the proxy, as a browser shows it."""

from __future__ import annotations

import json
import os
import unittest
import urllib.request
from pathlib import Path

from . import fixture
from .browser import Browser

# The narrowest telephone, and a desk, in pixels.
WIDTHS = (360, 1280)

# Where screenshots are left, where somebody wants to look at them.
SCREENSHOTS = os.environ.get("STRONGROOM_SCREENSHOTS")


def status(url: str) -> dict:
    """The facts as JSON."""
    with urllib.request.urlopen(f"{url}/status.json", timeout=fixture.START_SECONDS) as response:
        return json.load(response)


class Page(unittest.TestCase):
    def test_it_says_whom_it_talks_to_in_any_width(self) -> None:
        url = fixture.proxy().url
        facts = status(url)["enclave"]
        with Browser() as browser:
            for width in WIDTHS:
                browser.open(url, width)
                text = browser.run("return document.body.innerText")
                for said in ("SIMULATION", "Verified", facts["charter"], facts["release"], facts["registers"]["PCR0"],
                             "Controls in force", "Only holders of an API key", "What was checked", "fraud"):
                    self.assertIn(said, text)
                checks = browser.run(
                    "return [...document.querySelectorAll('table')].pop()?.closest('main') ? "
                    "[...document.querySelectorAll('tbody tr')].map(row => row.innerText) : []")
                for check in facts["checks"]:
                    self.assertTrue(any(row.startswith(check["id"]) and check["status"] in row for row in checks),
                                    check["id"])
                self.assertNotIn("FAIL", text)
                wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
                self.assertLessEqual(wide, 0, f"nothing to scroll sideways at {width} px")
                if SCREENSHOTS:
                    browser.screenshot(Path(SCREENSHOTS) / f"page-{width}.png")
            fetched = browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
            self.assertTrue(all(one.startswith((url, "data:")) for one in fetched), fetched)
            self.assertEqual(browser.run("return document.scripts.length"), 0)
            self.assertEqual(browser.run("return document.documentElement.lang"), "en")
            self.assertEqual(browser.console(), [])

    def test_it_counts(self) -> None:
        url = fixture.proxy().url
        counted = lambda: {one["name"]: one["answered"] for one in status(url)["traffic"]}.get("fraud", 0)
        before = counted()
        body = (fixture.FRAUD / "request.json").read_bytes()
        urllib.request.urlopen(f"{url}/v2/models/fraud/infer", body, timeout=fixture.START_SECONDS).close()
        self.assertEqual(counted(), before + 1)
        with Browser() as browser:
            browser.open(url, WIDTHS[1])
            row = browser.run("return [...document.querySelectorAll('tr')].map(row => row.innerText)"
                              ".find(row => row.startsWith('fraud\\t' + arguments[0] + '\\t'))", str(before + 1))
            self.assertIsNotNone(row, "the count is shown")
