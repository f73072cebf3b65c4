"""Plots of the curves, as small SVG files that do not change where the figures do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (after the choice of what draws)
from matplotlib.ticker import LogLocator, NullLocator  # noqa: E402

from .results import Curve  # noqa: E402


@dataclass(frozen=True)
class Plot:
    """How a plot is labelled, and which of its axes are logarithmic."""

    title: str
    x: str
    y: str
    logarithmic: str = "xy"


PLOTS = {
    "load": Plot("Latency against offered load, tiny model, open loop", "requests offered a second", "ms"),
    "size": Plot("CPU a request against its size, model that computes nothing", "KiB of input", "ms of CPU, all servers"),
    "concurrency": Plot("Answers against callers, tiny model", "callers", "answers a second", "x"),
    "batch": Plot("CPU a row against rows of a request, tiny model", "rows", "us of CPU, all servers"),
    "cores": Plot("Answers against cores of the servers", "cores", "answers a second", ""),
}


def draw(curves: list[Curve], out: Path) -> None:
    """One file a plot that has points."""
    matplotlib.rcParams.update({"svg.hashsalt": "strongroom", "svg.fonttype": "none", "font.size": 9})
    out.mkdir(parents=True, exist_ok=True)
    for name, plot in PLOTS.items():
        if own := [curve for curve in curves if curve.plot == name]:
            _draw(plot, own, out / f"{name}.svg")


def _draw(plot: Plot, curves: list[Curve], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for curve in curves:
        dashed = "p99" in curve.contender
        axes.plot(curve.x, curve.y, "--" if dashed else "-", marker="o", markersize=3, linewidth=1.2, label=curve.contender)
    for axis in plot.logarithmic:
        getattr(axes, f"set_{axis}scale")("log")
    # The points that were measured, in plain numbers.
    axes.set_xticks(sorted({x for curve in curves for x in curve.x}), minor=False)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    if "y" in plot.logarithmic:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    if "y" not in plot.logarithmic:
        axes.set_ylim(bottom=0)
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    axes.grid(visible=True, linewidth=0.3)
    axes.legend(frameon=False)
    # Without a date, which would make each run another file.
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
