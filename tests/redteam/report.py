"""The report: Markdown for people, JSON for programs, plots for both."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from .data import Victim
from .gate import Verdict
from .table import ATTACKS, Row, Settings

PACKAGES = ("adversarial-robustness-toolbox", "foolbox", "scikit-learn", "onnxruntime", "numpy")

HEAD = """# Red team

Attacks on a SIMULATED service through `strongroom infer`, with defences off and on, at the same budget of questions.
docs/redteam.md says what each attack is, where it comes from and how it is scored.

"""


def write(folder: Path, command: str, settings: Settings, notes: list[str],
          runs: list[tuple[Victim, list[Row], list[Verdict]]]) -> None:
    """Writes report.md, report.json and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [HEAD, f"- command: `{command}`\n- seed {settings.seed}, {settings.budget} questions an attack\n"]
    text += [f"- {note}\n" for note in notes]
    for victim, rows, verdicts in runs:
        plots = _plots(folder, victim, rows)
        text.append(_section(victim, rows, verdicts, plots))
    (folder / "report.md").write_text("".join(text), encoding="utf-8")
    told = {"command": command, "settings": asdict(settings), "notes": notes, "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "victims": [_as_json(*run) for run in runs]}
    (folder / "report.json").write_text(json.dumps(_finite(told), indent=1) + "\n", encoding="utf-8")


def _section(victim: Victim, rows: list[Row], verdicts: list[Verdict], plots: list[str]) -> str:
    lines = [f"\n## `{victim.name}`\n\n{len(victim.mean)} features; copies are scored on {len(victim.honest)} held-out rows.\n\n",
             "| attack | measure | off | on | asked on | refused on | flagged at | suspended at | seconds |\n",
             "|---|---|---|---|---|---|---|---|---|\n"]
    lines += [_line(row) for row in rows]
    lines += [f"\n![{plot}]({plot})\n" for plot in plots]
    if verdicts:
        lines += ["\n| gate | value | |\n|---|---|---|\n"]
        lines += [f"| {v.limit.words()} | {_number(v.value)} | {'kept' if v.kept else '**not kept**'} |\n" for v in verdicts]
    return "".join(lines)


def _line(row: Row) -> str:
    measure = ATTACKS[row.attack].measure
    if row.skipped or row.failed:
        why = f"skipped: {row.skipped}" if row.skipped else f"**failed**: {row.failed}"
        return f"| {row.attack} | {why} | | | | | | | {row.seconds:.0f} |\n"
    off, on = row.results.get("off"), row.results.get("on")
    cells = [row.attack, measure, _number(off.measures[measure]) if off else "", _number(on.measures[measure]) if on else ""]
    cells += [str(on.asked), str(on.refused), _place(on.flagged_at), _place(on.suspended_at)] if on else [""] * 4
    return f"| {' | '.join(cells)} | {row.seconds:.0f} |\n"


def _place(at: int | None) -> str:
    return "never" if at is None else str(at)


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "not measured"
    return "never" if math.isinf(value) else f"{value:.3f}"


def _as_json(victim: Victim, rows: list[Row], verdicts: list[Verdict]) -> dict:
    return {"name": victim.name, "features": len(victim.mean), "attacks": [asdict(row) for row in rows],
            "gate": [{"limit": v.limit.words(), "value": v.value, "kept": v.kept} for v in verdicts]}


def _finite(value: object) -> object:
    """JSON has neither infinities nor NaN."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plots(folder: Path, victim: Victim, rows: list[Row]) -> list[str]:
    thefts = [row for row in rows if ATTACKS[row.attack].measure == "kappa" and {"off", "on"} <= set(row.results)]
    if not thefts:
        return []
    import matplotlib

    matplotlib.use("Agg")
    # The same bytes for the same numbers.
    matplotlib.rcParams["svg.hashsalt"] = "redteam"
    return [_bars(folder, victim, thefts), _curves(folder, victim, thefts)]


def _bars(folder: Path, victim: Victim, rows: list[Row]) -> str:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.5), layout="constrained")
    for shift, world, colour in ((-0.2, "off", "tab:red"), (0.2, "on", "tab:blue")):
        heights = [row.results[world].measures["kappa"] for row in rows]
        axes.bar([place + shift for place in range(len(rows))], heights, 0.4, label=f"defences {world}", color=colour)
    axes.set_xticks(range(len(rows)), [row.attack for row in rows])
    axes.set(ylabel="fidelity of the copy (kappa)", title=victim.name, ylim=(min(0, axes.get_ylim()[0]), 1))
    axes.legend()
    return _save(figure, folder, f"{victim.name}-copies.svg")


def _curves(folder: Path, victim: Victim, rows: list[Row]) -> str:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 3.5), sharey=True, layout="constrained")
    for axes, world in zip(panels, ("off", "on")):
        for row in rows:
            curve = row.results[world].curve
            axes.plot([count for count, _ in curve], [kappa for _, kappa in curve], marker="o", label=row.attack)
        axes.set(title=f"{victim.name}, defences {world}", xlabel="answers", ylim=(-0.1, 1))
    panels[0].set_ylabel("fidelity of the copy (kappa)")
    panels[1].legend(fontsize="small")
    return _save(figure, folder, f"{victim.name}-curves.svg")


def _save(figure, folder: Path, name: str) -> str:
    from matplotlib import pyplot

    figure.savefig(folder / name, metadata={"Date": None})
    pyplot.close(figure)
    return name
