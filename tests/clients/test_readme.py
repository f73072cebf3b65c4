"""The examples of README.md, run as they stand there but for the two addresses, which are free ones here."""

from __future__ import annotations

import functools
import re
import subprocess
import unittest
from pathlib import Path

from . import fixture

HEADING = "## Clients that need no change"

# The addresses that the README uses: of the service, and of the proxy.
SERVICE, PROXY = "127.0.0.1:8080", "127.0.0.1:8081"

# Longest run of an example, in seconds.
EXAMPLE_SECONDS = 60


@functools.cache
def examples() -> dict[str, str]:
    """The section's blocks of code, by language; of several, the last."""
    text = (fixture.ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(HEADING, 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


class Readme(unittest.TestCase):
    def test_curl(self) -> None:
        lines = [line for line in examples()["sh"].splitlines() if not line.startswith("strongroom proxy")]
        self.assertTrue(any(line.startswith("curl") for line in lines))
        answer = self.run_example(["bash", "-eu"], "\n".join(lines))
        self.assertIn('"name":"label"', answer.replace(" ", ""))

    def run_example(self, command: list[str], code: str) -> str:
        """What it prints, in a folder that looks as the README says."""
        world = fixture.open_world()
        here = fixture.folder() / "readme"
        here.mkdir(exist_ok=True)
        for name, target in (("state", world.state), ("models", fixture.ROOT / "models")):
            if not (here / name).exists():
                Path(here / name).symlink_to(target)
        code = code.replace(SERVICE, world.program.address).replace(PROXY, fixture.proxy().address)
        done = subprocess.run(command, input=code, cwd=here, capture_output=True, text=True, timeout=EXAMPLE_SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout
