"""What the documents show: the example of README.md, and client/python/examples."""

from __future__ import annotations

import subprocess
import sys
import unittest

from clients import test_readme as readme

from . import fixture

EXAMPLES = fixture.services.ROOT / "client" / "python" / "examples"


class Documents(unittest.TestCase):
    def test_the_readme_asks_in_five_lines(self) -> None:
        code = readme.examples()["python"]
        self.assertLessEqual(len([line for line in code.splitlines() if line.strip()]), 5)
        self.assertIn("[0 1 0 0]", readme.Readme().run_example([sys.executable, "-"], code))

    def test_the_example_runs_to_its_end(self) -> None:
        world = fixture.open_world()
        arguments = [world.program.url, world.state, fixture.services.FRAUD]
        done = subprocess.run([sys.executable, "-W", "error", EXAMPLES / "fraud.py", *arguments], capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("40 requests at once agree with one: True", done.stdout)
        self.assertIn("400 refused by the enclave", done.stdout)
