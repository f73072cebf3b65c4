"""The points of the plots: how latency and cost change with load, size, concurrency, batch and cores."""

from __future__ import annotations

from statistics import median

from ..context import Context
from ..models import Case
from ..processes import FastApi, Simulation, cpu_us, peer_load
from ..statistics import rounds

OURS, JSON, BINARY = "whole path", "FastAPI, JSON", "FastAPI, binary"

# Requests a second offered, shares of what the slowest contender can do included by going on until it cannot.
RATES = (50, 100, 200, 400, 600, 800, 1000, 1500, 2000, 3000, 4000)

# Beyond this p99, in microseconds, or this share of arrivals that failed, a contender is offered no more.
LOST_US, LOST_SHARE = 1e6, 0.01

KIB = (1, 4, 16, 64, 256, 600, 1024, 4096)
CALLERS = (1, 2, 4, 8, 16, 32, 64, 128)
BATCHES = (1, 4, 16, 64, 256, 1024)


def load(context: Context) -> None:
    """Latency against offered load: open loop, the same arrivals for each."""
    case, quick = context.models.mlp(), context.settings.quick
    simulation, fastapi = Simulation("load", [case], context.folder), FastApi([case], context.folder)
    asked = {OURS: simulation.load, JSON: fastapi.load}
    if context.peer:
        asked[context.peer] = lambda case, seconds, *more: peer_load(context.peer, case, seconds, *more)
    try:
        for rate in RATES[1:4] if quick else RATES:
            for who in list(asked):
                found = asked[who](case, 2 * context.settings.seconds, f"--rate={rate}", f"--seed={rate}")
                context.results.raw[f"load {who} {rate}"] = found
                for share in ("p50", "p99"):
                    context.results.point("load", f"{who}, {share}", rate, found["latency"][f"{share}_us"] / 1e3)
                if found["latency"]["p99_us"] > LOST_US or found["failed"] > LOST_SHARE * found["answered"]:
                    del asked[who]
    finally:
        fastapi.stop()
        simulation.stop()


def size(context: Context) -> None:
    """CPU a request against its size, with a model that computes next to nothing."""
    sizes = (1, 64, 600) if context.settings.quick else KIB
    cases = [context.models.sized(kib) for kib in sizes]
    simulation, fastapi = Simulation("size", cases, context.folder), FastApi(cases, context.folder)
    try:
        for kib, case in zip(sizes, cases, strict=True):
            measured = _three(context, case, simulation, fastapi, "--callers=4")
            for who, runs in measured.items():
                context.results.point("size", who, kib, median(map(cpu_us, runs)) / 1e3)
            context.results.raw[f"size {kib}"] = measured
    finally:
        fastapi.stop()
        simulation.stop()


def concurrency(context: Context) -> None:
    """Answers a second against callers."""
    case = context.models.mlp()
    simulation, fastapi = Simulation("concurrency", [case], context.folder), FastApi([case], context.folder)
    try:
        for callers in (1, 8) if context.settings.quick else CALLERS:
            measured = _three(context, case, simulation, fastapi, f"--callers={callers}")
            for who, runs in measured.items():
                context.results.point("concurrency", who, callers, median(run["per_second"] for run in runs))
            context.results.raw[f"concurrency {callers}"] = measured
    finally:
        fastapi.stop()
        simulation.stop()


def batch(context: Context) -> None:
    """CPU a row against the rows of a request."""
    sizes = (1, 64) if context.settings.quick else BATCHES
    cases = [context.models.mlp(rows) for rows in sizes]
    simulation, fastapi = Simulation("batch", cases, context.folder), FastApi(cases, context.folder)
    try:
        for rows, case in zip(sizes, cases, strict=True):
            measured = _three(context, case, simulation, fastapi, "--callers=4")
            for who, runs in measured.items():
                context.results.point("batch", who, rows, median(map(cpu_us, runs)) / rows)
            context.results.raw[f"batch {rows}"] = measured
    finally:
        fastapi.stop()
        simulation.stop()


def cores(context: Context) -> None:
    """Answers a second against cores that the servers may use; the client may use all."""
    case = context.models.mlp() if context.settings.quick else context.models.minilm(16)
    for count in range(1, context.cores + 1):
        simulation = Simulation(f"cores-{count}", [case], context.folder, cores=count)
        fastapi = FastApi([case], context.folder, workers=count, cores=count)
        try:
            measured = _three(context, case, simulation, fastapi, f"--callers={4 * count}")
        finally:
            fastapi.stop()
            simulation.stop()
        for who, runs in measured.items():
            context.results.point("cores", who, count, median(run["per_second"] for run in runs))
        context.results.raw[f"cores {count}"] = measured


def _three(context: Context, case: Case, simulation: Simulation, fastapi: FastApi, arguments: str) -> dict[str, list[dict]]:
    """The whole path and a bare server in both forms, in turns. Points need fewer rounds than rows."""
    seconds = context.settings.seconds
    return rounds({OURS: lambda: simulation.load(case, seconds, arguments),
                   JSON: lambda: fastapi.load(case, seconds, arguments),
                   BINARY: lambda: fastapi.load(case, seconds, arguments, binary_tensors=True)},
                  max(1, context.settings.rounds // 2))
