"""The whole path, from the client library through host and enclave and back, against plain peers in the same rounds."""

from __future__ import annotations

from collections.abc import Callable

from ..context import Context
from ..models import Case
from ..processes import FastApi, Simulation, cpu_us, engine, peer_load
from ..statistics import rounds

# Callers who keep two cores busy without a queue that hides it.
CALLERS = 8


def _contenders(context: Context, case: Case, simulation: Simulation, fastapi: FastApi,
                *arguments: str) -> dict[str, Callable[[], dict]]:
    """The whole path, a bare FastAPI server in JSON and in binary, and the peer that was given, if one was."""
    seconds = context.settings.seconds
    found = {
        "ours": lambda: simulation.load(case, seconds, *arguments),
        "FastAPI + onnxruntime, JSON": lambda: fastapi.load(case, seconds, *arguments),
        "FastAPI + onnxruntime, binary": lambda: fastapi.load(case, seconds, *arguments, binary_tensors=True),
    }
    if context.peer:
        meter = [f"--meter=server={context.peer_pid}"] if context.peer_pid else []
        found[context.peer] = lambda: peer_load(context.peer, case, seconds, *meter, *arguments)
    return found


def cpu_of_requests(context: Context, case: Case, figure: str) -> None:
    """CPU of every server process for one request. The client's is not in it."""
    simulation, fastapi = Simulation(figure, [case], context.folder), FastApi([case], context.folder)
    try:
        contenders = _contenders(context, case, simulation, fastapi, f"--callers={CALLERS}")
        measured = rounds(contenders, context.settings.rounds)
    finally:
        fastapi.stop()
        simulation.stop()
    used = {who: [cpu_us(run) for run in runs] for who, runs in measured.items()}
    for who in list(used)[1:]:
        # A peer elsewhere has no process here.
        if any(used[who]):
            context.results.compare(figure, f"CPU a request, {case.name}, whole path", "us", used["ours"], who, used[who])
    for part in ("host", "enclave"):
        context.results.tell(figure, f"of which {part}", "us", [run["cpu_us_each"][part] for run in measured["ours"]])
    context.results.raw[f"{figure} {case.name}"] = measured



def cpu(context: Context) -> None:
    """CPU a request of the tiny model."""
    cpu_of_requests(context, context.models.mlp(), "cpu")


def image(context: Context) -> None:
    """A request of 588 KiB. Where the model itself takes most, the path hardly counts; in JSON, reading it does."""
    if context.settings.quick:
        return
    case = context.models.resnet(1)
    cpu_of_requests(context, case, "image")
    _against_engine(context, case, "image")


def latency(context: Context) -> None:
    """Latency of one caller over an open session, and how much of it the model is not."""
    case, seconds = context.models.mlp(), context.settings.seconds
    simulation, fastapi = Simulation("latency", [case], context.folder), FastApi([case], context.folder)
    alone = engine(case, context.folder)
    try:
        contenders = _contenders(context, case, simulation, fastapi, "--callers=1")
        measured = rounds({**contenders, "engine": lambda: alone.run(seconds)}, context.settings.rounds)
    finally:
        alone.stop()
        fastapi.stop()
        simulation.stop()
    half = {who: [run["latency"]["p50_us"] for run in runs] for who, runs in measured.items()}
    for who in [name for name in half if name not in ("ours", "engine")]:
        context.results.compare("latency", f"p50, {case.name}, one caller", "us", half["ours"], who, half[who])
    added = [whole - model for whole, model in zip(half["ours"], half["engine"], strict=True)]
    context.results.tell("latency", f"p50 added to our engine in process, {case.name}, open session", "us", added)
    context.results.raw["latency"] = measured


def throughput(context: Context) -> None:
    """Answers a second at saturation against our engine in process on as many cores, which the client does not share."""
    if not context.settings.quick:
        _against_engine(context, context.models.minilm(128), "throughput")


def _against_engine(context: Context, case: Case, figure: str) -> None:
    seconds, cores = context.settings.seconds, context.cores
    simulation, alone = Simulation(f"{figure}-engine", [case], context.folder), engine(case, context.folder)
    try:
        measured = rounds({"ours": lambda: simulation.load(case, seconds, f"--callers={2 * cores}"),
                           "engine": lambda: alone.run(seconds, cores)}, context.settings.rounds)
    finally:
        alone.stop()
        simulation.stop()
    rates = {who: [run["per_second"] for run in runs] for who, runs in measured.items()}
    context.results.compare(figure, f"answers a second at saturation, {case.name}, whole path, {cores} cores", "1/s",
                            rates["ours"], "our engine in process", rates["engine"], less_is_better=False)
    context.results.raw[f"{figure} {case.name} against the engine"] = measured
