"""Our engine against onnxruntime, both in processes of their own without a network: what the model itself costs."""

from __future__ import annotations

from ..context import Context
from ..models import Case
from ..processes import Refused, engine, onnxruntime
from ..statistics import rounds

# Cases of a smoke test, and those that are also run on every core.
QUICK = ("mlp", "boosted", "forest", "magika", "silero")
ON_EVERY_CORE = ("minilm-s128", "resnet-b1")


def one_thread(context: Context) -> None:
    """Time of one inference, one thread each."""
    for name, case in context.models.all().items():
        if not context.settings.quick or name in QUICK:
            _compare(context, case)


def _compare(context: Context, case: Case) -> None:
    try:
        ours = engine(case, context.folder)
    except Refused as refused:
        context.results.refuse("engine", case.name, str(refused))
        return
    theirs = onnxruntime(case, context.folder)
    seconds = context.settings.seconds
    measured = rounds({"ours": lambda: ours.run(seconds), "theirs": lambda: theirs.run(seconds)}, context.settings.rounds)
    for worker in (ours, theirs):
        worker.stop()
    times = {name: [run["latency"]["p50_us"] for run in runs] for name, runs in measured.items()}
    context.results.compare("engine", f"{case.name}, one thread", "us", times["ours"], "onnxruntime", times["theirs"])
    context.results.raw[f"engine {case.name}"] = {"ready": [ours.ready, theirs.ready], **measured}


def every_core(context: Context) -> None:
    """Inferences a second on every core: ours one a thread; onnxruntime either way, and the better one counts."""
    cores = context.cores
    for name in () if context.settings.quick else ON_EVERY_CORE:
        case = context.models.all()[name]
        ours, alone = engine(case, context.folder), onnxruntime(case, context.folder)
        together = onnxruntime(case, context.folder, cores)
        seconds = context.settings.seconds
        measured = rounds({
            "ours": lambda: ours.run(seconds, cores),
            "theirs, one inference a core": lambda: alone.run(seconds, cores),
            "theirs, one inference on all cores": lambda: together.run(seconds),
        }, context.settings.rounds)
        for worker in (ours, alone, together):
            worker.stop()
        rates = {who: [run["per_second"] for run in runs] for who, runs in measured.items()}
        for who in list(rates)[1:]:
            context.results.compare("engine-cores", f"{case.name}, {cores} cores", "1/s", rates["ours"],
                                    "onnxruntime" + who.removeprefix("theirs"), rates[who], less_is_better=False)
        context.results.raw[f"engine-cores {name}"] = measured
