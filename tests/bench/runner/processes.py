"""The processes of a run: simulated services, peers, and `strongroom-bench`. Each ends with this one, by its number."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from .models import Case

RUNNER = Path(__file__).resolve().parent

# Longest start of a process, and longest measurement beyond the time it was given, in seconds.
START_SECONDS, SPARE_SECONDS = 300.0, 180.0

# Time for a process to end when asked, in seconds.
STOP_SECONDS = 20.0

# One thread for every library that would take more by itself.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Failed(Exception):
    """A process did not do what it was started for."""


class Refused(Exception):
    """Our engine does not take a model, in its own words."""


def binary(name: str) -> Path:
    """One of the programs that were built."""
    found = Path(os.environ["STRONGROOM_BIN"]) / name
    if not found.is_file():
        raise Failed(f"{found} is missing: build the workspace, or set STRONGROOM_BIN to the programs' folder")
    return found


def on_cores(cores: int | None, command: Sequence[str | Path]) -> list[str | Path]:
    """The command on the first cores alone, or on all."""
    return list(command) if cores is None else ["taskset", "--cpu-list", f"0-{cores - 1}", *command]


def bench(*arguments: str | Path, seconds: float = 0.0) -> dict:
    """Runs `strongroom-bench`, and reads the object that it prints."""
    command = [binary("strongroom-bench"), *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=seconds + SPARE_SECONDS)
    if done.returncode != 0:
        raise Failed(f"strongroom-bench {arguments[0]}: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    if "refused" in found:
        raise Refused(found["refused"])
    return found


class Process:
    """A process that ends with this one."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, environment: dict[str, str] | None = None):
        self.name, self.log = name, log
        # A folder of its own: what writes beside itself writes there.
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            text=True, cwd=log.parent, env={**os.environ, **ONE_THREAD, **(environment or {})})
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self, seconds: float) -> str:
        """The next line it says; it is ended when it says none in time."""
        assert self.process.stdout
        watchdog = threading.Timer(seconds, self.process.kill)
        watchdog.start()
        try:
            said = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if not said:
            words = " / ".join(self.log.read_text(errors="replace").splitlines()[-6:])
            raise Failed(f"{self.name} said nothing: {words}")
        return said.strip()

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        atexit.unregister(self.stop)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe and not pipe.closed:
                pipe.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Worker:
    """An engine in a process of its own, which runs when it is told to."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path):
        self.process = Process(name, command, log, {"PYTHONPATH": str(RUNNER.parent)})
        self.ready = json.loads(self.process.line(START_SECONDS))
        if "refused" in self.ready:
            self.process.stop()
            raise Refused(self.ready["refused"])

    def run(self, seconds: float, threads: int = 1) -> dict:
        self.process.say(f"{seconds} {threads}")
        return json.loads(self.process.line(seconds + SPARE_SECONDS))

    def stop(self) -> None:
        self.process.stop()


def engine(case: Case, logs: Path) -> Worker:
    """Our engine with a model."""
    dims = [f"--dim={dim}" for dim in case.dims]
    command = [binary("strongroom-bench"), "engine", "--model", case.onnx, "--request", case.request, *dims]
    return Worker(f"engine {case.name}", command, logs / f"engine-{case.name}.log")


def onnxruntime(case: Case, logs: Path, intra: int = 1) -> Worker:
    """onnxruntime with a model."""
    command = [sys.executable, "-m", "runner.peers.ort_worker", case.onnx, case.request, str(intra)]
    return Worker(f"onnxruntime {case.name}", command, logs / f"ort-{case.name}-{intra}.log")


class FastApi:
    """onnxruntime behind a bare FastAPI server."""

    def __init__(self, cases: Sequence[Case], logs: Path, workers: int = 1, cores: int | None = None):
        port = free_port()
        models = "\n".join(f"{model}={path}" for model, path in {case.model: case.onnx for case in cases}.items())
        command = [sys.executable, "-m", "uvicorn", "runner.peers.fastapi_server:app", "--host", "127.0.0.1",
                   "--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools",
                   "--no-access-log", "--log-level", "warning"]
        self.process = Process("fastapi", on_cores(cores, command), logs / "fastapi.log",
                               {"BENCH_MODELS": models, "PYTHONPATH": str(RUNNER.parent)})
        self.url = f"http://127.0.0.1:{port}"
        wait_for(f"{self.url}/v2/health/ready", self.process)

    def load(self, case: Case, seconds: float, *arguments: str, binary_tensors: bool = False) -> dict:
        more = ["--binary"] if binary_tensors else []
        return peer_load(self.url, case, seconds, f"--meter=server={self.process.pid}", *more, *arguments)

    def stop(self) -> None:
        self.process.stop()


def peer_load(url: str, case: Case, seconds: float, *arguments: str) -> dict:
    """Asks any server of the Open Inference Protocol."""
    return bench("oip", "--url", url, "--model", case.model, "--request", case.request, f"--seconds={seconds}",
                 f"--warm={min(1.0, seconds)}", *arguments, seconds=2 * seconds)


class Simulation:
    """Simulated services: the shipped host, and the enclave's service on a pretended NSM."""

    def __init__(self, name: str, cases: Sequence[Case], folder: Path, nsm_delay_ms: int = 0, cores: int | None = None):
        self.state = folder / f"state-{name}"
        models = [f"--model={model}={path}" for model, path in {case.model: case.onnx for case in cases}.items()]
        command = [binary("strongroom-sim"), "up", "--state", self.state, "--listen", "127.0.0.1:0",
                   "--end-with-stdin", f"--nsm-delay-ms={nsm_delay_ms}", *models]
        self.process = Process("strongroom-sim", on_cores(cores, command), folder / f"{name}.log")
        said = self.process.line(START_SECONDS)
        if not said.startswith("ready http"):
            raise Failed(f"strongroom-sim: {said}")
        self.url = said.removeprefix("ready ")
        below = {executable(child): child for child in children(self.process.pid)}
        self.host, self.enclave = below["strongroom-host"], below["strongroom-sim-enclave"]

    @property
    def reached(self) -> list[str]:
        return ["--url", self.url, "--trust", str(self.state / "trust.toml"), "--api-key", str(self.state / "api-key")]

    @property
    def meters(self) -> list[str]:
        return [f"--meter=host={self.host}", f"--meter=enclave={self.enclave}"]

    def load(self, case: Case, seconds: float, *arguments: str) -> dict:
        return bench("load", *self.reached, *self.meters, "--model", case.model, "--request", case.request,
                     f"--seconds={seconds}", f"--warm={min(1.0, seconds)}", *arguments, seconds=2 * seconds)

    def stop(self) -> None:
        self.process.stop()


def cpu_us(outcome: dict) -> float:
    """Microseconds of CPU an answer, of every process that was named."""
    return sum(outcome["cpu_us_each"].values())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: Process) -> None:
    """Waits until a server answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.process.poll() is not None:
            raise Failed(f"{process.name} ended: " + process.log.read_text(errors="replace")[-800:])
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise Failed(f"{process.name} did not start")


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def executable(pid: int) -> str:
    return Path(os.readlink(f"/proc/{pid}/exe")).name
