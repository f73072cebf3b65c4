"""onnxruntime in a process that runs when it is told to: the twin of `strongroom-bench engine`, line by line.

Says `ready` once the model is loaded; then answers each line `SECONDS THREADS` with one line of JSON. Of the two ways in
which Python can run a session, with arrays or with bound buffers, it takes the one that is faster here.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .ort_session import session
from .tensors import read

# Runs by which the faster way is found.
TRIALS = 30


def ways(model: str, request: str, intra: int) -> dict[str, Callable[[], Callable[[], object]]]:
    """How a session may be run. Each makes a function for one thread."""
    made, inputs = session(model, intra), read(Path(request).read_bytes())

    def arrays() -> Callable[[], object]:
        return lambda: made.run(None, inputs)

    def bound() -> Callable[[], object]:
        binding = made.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for output in made.get_outputs():
            binding.bind_output(output.name)
        return lambda: made.run_with_iobinding(binding)

    return {"arrays": arrays, "bound": bound}


def timed(run: Callable[[], object]) -> float:
    """Seconds that the median of some runs took."""
    times = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
        if sum(times) > 2:
            break
    return float(np.median(times))


def fastest(found: dict[str, Callable]) -> tuple[str, Callable]:
    """The way whose runs took least."""
    took = {}
    for name, make in found.items():
        try:
            took[name] = timed(make())
        except RuntimeError:
            # Outputs that are no tensors cannot be bound.
            continue
    name = min(took, key=took.get)
    return name, found[name]


def measure(make: Callable, seconds: float, threads: int) -> dict:
    """Runs in so many threads for so long."""
    times: list[list[float]] = [[] for _ in range(threads)]

    def work(own: list[float]) -> None:
        run, end = make(), time.perf_counter() + seconds
        while True:
            start = time.perf_counter()
            run()
            done = time.perf_counter()
            own.append(done - start)
            if done >= end:
                return

    before, start = sum(os.times()[:4]), time.perf_counter()
    running = [threading.Thread(target=work, args=(own,)) for own in times]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took, used = time.perf_counter() - start, sum(os.times()[:4]) - before
    micros = np.concatenate([np.asarray(own) for own in times]) * 1e6
    at = {f"p{str(share).replace('.', '')}_us": float(np.percentile(micros, share)) for share in (50, 90, 99, 99.9)}
    return {"threads": threads, "seconds": took, "per_second": len(micros) / took,
            "cpu_us_each": {"worker": used * 1e6 / len(micros)},
            "latency": {"count": len(micros), "mean_us": float(micros.mean()), "min_us": float(micros.min()), **at,
                        "max_us": float(micros.max())}}


def main() -> None:
    model, request, intra = sys.argv[1:]
    start = time.perf_counter()
    found = ways(model, request, int(intra))
    loaded = time.perf_counter() - start
    way, make = fastest(found)
    print(json.dumps({"ready": True, "load_ms": loaded * 1e3, "way": way}), flush=True)
    for line in sys.stdin:
        seconds, threads = line.split()
        print(json.dumps(measure(make, float(seconds), int(threads))), flush=True)


if __name__ == "__main__":
    main()
