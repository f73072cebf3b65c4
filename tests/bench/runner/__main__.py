"""`python -m runner`: runs the figures, and writes the table, the JSON and the plots. `scripts/bench` starts this."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from .context import Context, Settings
from .figures import FIGURES
from .models import ROOT, Models
from .processes import Failed, Refused
from .results import Results


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test of about two minutes: its figures prove nothing")
    parser.add_argument("--only", action="append", choices=FIGURES, metavar="NAME",
                        help=f"one figure; repeatable: {', '.join(FIGURES)}")
    parser.add_argument("--peer", metavar="URL", help="a server of the Open Inference Protocol that serves the model `mlp`")
    parser.add_argument("--peer-pid", type=int, metavar="PID", help="its process, where its CPU is to be read")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds in which contenders take turns")
    parser.add_argument("--seconds", type=float, metavar="S", help="seconds of one contender in one round")
    parser.add_argument("--out", type=Path, help="folder of the results")
    return parser.parse_args()


def main() -> int:
    # An end by SIGTERM runs the clean-up, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by SIGTERM"))
    given, load = arguments(), os.getloadavg()[0]
    out = given.out or (Path(os.environ["BENCH_SMOKE_OUT"]) if given.quick else ROOT / "docs" / "benchmarks")
    settings = Settings.smoke() if given.quick else Settings.full()
    settings = replace(settings, rounds=given.rounds or settings.rounds, seconds=given.seconds or settings.seconds)
    # Slow to load: an error in an argument should not wait for it.
    from . import plots, report

    # Of what is measured: the plots are files of the tree, too.
    versions, failed = report.versions(), []
    with tempfile.TemporaryDirectory(prefix="strongroom-bench.") as folder:
        context = Context(settings, Models(Path(folder)), Results(), Path(folder), given.peer, given.peer_pid)
        for name in given.only or FIGURES:
            start = time.monotonic()
            try:
                FIGURES[name](context)
            except Refused as refused:
                context.results.refuse(name, name, str(refused))
            except Failed as error:
                failed.append(f"{name}: {error}")
            print(f"{name} took {time.monotonic() - start:.1f} s", flush=True)
        plots.draw(context.results.curves, out)
        report.write(context, out, given.only or [], versions, load)
    print(f"{out}/table.md, results.json and plots")
    for reason in failed:
        print(f"bench: {reason}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
