"""Writes a run down: a table for people, JSON for programs."""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .context import Context, Settings
from .models import ROOT
from .processes import bench
from .results import Row

PACKAGES = ("onnxruntime", "fastapi", "uvicorn", "uvloop", "httptools", "numpy", "scikit-learn", "skl2onnx", "onnx")

HEAD = """# Benchmarks

Written by `scripts/bench{arguments}`; [README.md](README.md) says how each figure is made. Ratios are what counts: they are of
rounds that took turns on one machine, least and largest beside the median. The enclave is SIMULATED: its service and its
cryptography are the shipped ones, its NSM and its machine are not.

{machine}

| figure | ours | | peer | peer's | ours / peer's | least to most |
|---|---|---|---|---|---|---|
"""

# Above this load the machine was busy before anything was measured.
QUIET = 0.3


def write(context: Context, out: Path, only: list[str], versions: dict[str, str], load_before: float) -> None:
    """Writes table.md and results.json. `only` names the figures that were asked for; the rest is what was so at the start."""
    machine = {**bench("machine"), "load": load_before}
    out.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine, "versions": versions, "settings": asdict(context.settings),
             "quiet": load_before <= QUIET, **context.results.as_json()}
    (out / "results.json").write_text(json.dumps(found, indent=1, sort_keys=True, default=str) + "\n")
    words = _settings(context.settings) + "".join(f" --only {name}" for name in only)
    head = HEAD.format(arguments=words, machine=describe(machine, found["versions"]))
    (out / "table.md").write_text(head + "".join(map(line, context.results.rows)) + plots(out))


def _settings(settings: Settings) -> str:
    """The options that a run of these settings was started with."""
    if settings == Settings.smoke():
        return " --quick"
    full = Settings.full()
    rounds = f" --rounds {settings.rounds}" if settings.rounds != full.rounds else ""
    return rounds + (f" --seconds {settings.seconds:g}" if settings.seconds != full.seconds else "")


def versions() -> dict[str, str]:
    """What was measured with what."""
    commit = _said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return {"strongroom": commit, "rustc": _said("rustc", "--version").removeprefix("rustc "), "date": datetime.now(UTC).date().isoformat(),
            **{name: version(name) for name in PACKAGES}}


def describe(machine: dict, found: dict[str, str]) -> str:
    words = [f"{machine['processor']}, {machine['cores']} cores ({', '.join(machine['features'])}), "
             f"{machine['memory_mib'] / 1024:.0f} GiB, Linux {machine['kernel']}.",
             ", ".join(f"{name} {value}" for name, value in found.items()) + "."]
    if machine["load"] > QUIET:
        words.append(f"**The machine was not quiet (load {machine['load']:.1f} before the run): these figures prove nothing.**")
    return "\n".join(words)


def line(row: Row) -> str:
    """One row of the table."""
    if row.ours is None:
        return f"| {row.what} | {row.note} | | | | | |\n"
    what = row.what + (f" ({row.note})" if row.note else "")
    peer = number(row.theirs) if row.theirs is not None else ""
    ratio = f"**{row.ratio.median:.2f}**" if row.ratio else ""
    span = f"{row.ratio.least:.2f} to {row.ratio.most:.2f}" if row.ratio else ""
    return f"| {what} | {number(row.ours)} | {row.unit} | {row.peer} | {peer} | {ratio} | {span} |\n"


def number(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def plots(out: Path) -> str:
    """The plots that lie beside the table."""
    return "".join(f"\n![{path.stem}]({path.name})\n" for path in sorted(out.glob("*.svg")))


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
