"""The parts by themselves, measured by criterion: its estimates are read from where it keeps them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ..context import Context
from ..models import ROOT

MANIFEST = ROOT / "tests/bench/parts/Cargo.toml"


def criterion(context: Context) -> None:
    """Runs the benchmarks of `tests/bench/parts`."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "bench-parts"
    command = ["cargo", "bench", "--locked", "--quiet", "--manifest-path", str(MANIFEST), "--target-dir", str(target),
               "--bench", "*", "--"]
    quick = ["--warm-up-time", "0.2", "--measurement-time", "0.4", "--sample-size", "10"]
    log = context.folder / "parts.log"
    with open(log, "wb") as out:
        # Criterion keeps its estimates below this variable, whatever cargo is told.
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        subprocess.run([*command, *(quick if context.settings.quick else [])], check=True, stdout=out, stderr=out,
                       env=environment)
    estimates = sorted((target / "criterion").glob("**/new/estimates.json"))
    if not estimates:
        raise RuntimeError("criterion left no estimates")
    for found in estimates:
        name = json.loads((found.parent / "benchmark.json").read_text())["full_id"]
        nanos = json.loads(found.read_text())["median"]["point_estimate"]
        context.results.tell("parts", name, "us", [nanos / 1e3])
