"""The figures: each is a function of the run's context that adds rows and points to its results."""

from __future__ import annotations

from collections.abc import Callable

from ..context import Context
from . import curves, engine, lifecycle, parts, path

# By the name that --only takes, in the order in which they run.
FIGURES: dict[str, Callable[[Context], None]] = {
    "engine": engine.one_thread,
    "engine-cores": engine.every_core,
    "cpu": path.cpu,
    "latency": path.latency,
    "throughput": path.throughput,
    "image": path.image,
    "start": lifecycle.start,
    "package": lifecycle.package,
    "sessions": lifecycle.sessions,
    "idle": lifecycle.idle,
    "load": curves.load,
    "size": curves.size,
    "concurrency": curves.concurrency,
    "batch": curves.batch,
    "cores": curves.cores,
    "parts": parts.criterion,
}
