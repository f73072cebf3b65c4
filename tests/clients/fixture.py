"""Simulated services and the proxies in front of them, for as long as the tests run.

`strongroom-sim` ends when its stdin does and the proxies are ended by their number, so that nothing outlives a run.
Worlds start on first use: a run of one client alone brings up no more than it needs.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRAUD = ROOT / "models" / "fraud"

# Longest start of a simulation or a proxy, and longest command, in seconds.
START_SECONDS = 60.0

# Time for a process to end when asked, in seconds.
STOP_SECONDS = 20.0

# A rate that a few requests use up, of the role `slow`.
SLOW_ROWS, SLOW_SECONDS = 4, 3600


class NotStarted(Exception):
    """A process did not come up."""


def binary(name: str) -> Path:
    """One of Strongroom's own programs."""
    folder = Path(os.environ.get("STRONGROOM_BIN") or ROOT / "target" / "release")
    found = folder / name
    if not found.is_file():
        raise NotStarted(f"{found} is missing: build the commands, or set STRONGROOM_BIN to their folder")
    return found


@functools.cache
def folder() -> Path:
    """Everything that the run writes."""
    made = Path(tempfile.mkdtemp(prefix="strongroom-clients."))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@functools.cache
def onnx_files() -> dict[str, Path]:
    """The models that are made for the tests. They come from STRONGROOM_TEST_ONNX where who asks has no onnx."""
    if made := os.environ.get("STRONGROOM_TEST_ONNX"):
        return {path.stem: path for path in Path(made).glob("*.onnx")}
    from . import models

    return models.write_all(folder())


class Program:
    """A process that says `ready URL`. Ends with this one."""

    def __init__(self, name: str, command: list[str | Path], environment: dict[str, str] | None = None) -> None:
        self.log = folder() / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            env={**os.environ, **(environment or {})})
        atexit.register(self.stop)
        self.url = self._ready()
        # Host and port alone, as most clients want it.
        self.address = self.url.removeprefix("http://")

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """Ends it, and says how it ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin and stdout
        stdin.close()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        stdout.close()
        return self.process.returncode

    def _ready(self) -> str:
        assert self.process.stdout
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline().decode().strip()
        finally:
            watchdog.cancel()
        if line.startswith("ready http"):
            return line.removeprefix("ready ")
        words = self.log.read_text(errors="replace").splitlines()[-8:]
        raise NotStarted(f"{self.log.stem} did not start: " + " / ".join(words))


@dataclass
class World:
    """A simulated service, and the API keys that open it."""

    name: str
    program: Program
    keys: dict[str, Path] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return folder() / self.name

    def proxy(self, key: str = "client", arguments: tuple[str, ...] = ()) -> Program:
        """A proxy that asks with this key."""
        path = self.keys.get(key, self.state / "api-key")
        command = [binary("strongroom"), "proxy", "--url", self.program.url, "--trust", self.state / "trust.toml",
                   "--api-key", f"@{path}", "--listen", "127.0.0.1:0", *arguments]
        state = folder() / f"{self.name}-clients"
        return Program(f"{self.name}-proxy-{key}", command, {"XDG_STATE_HOME": str(state)})


def start(name: str, *arguments: str | Path) -> World:
    """Brings up a simulation of this name."""
    command = [binary("strongroom-sim"), "up", "--state", folder() / name, "--listen", "127.0.0.1:0",
               "--end-with-stdin", *arguments]
    return World(name, Program(name, command))


@functools.cache
def open_world() -> World:
    """Every model, exact answers, no limits."""
    arguments = [f"--model=fraud={FRAUD / 'fraud.onnx'}", "--answer-bytes=types=65536"]
    arguments += [f"--model={name}={path}" for name, path in onnx_files().items()]
    return start("open", *arguments)


@functools.cache
def proxy() -> Program:
    """The proxy of the open world, which most tests ask."""
    return open_world().proxy()


@functools.cache
def guarded_world() -> World:
    """The fraud model with a profile and a rate, and keys of three roles."""
    profile, policy = folder() / "fraud.profile", folder() / "policy.toml"
    _run("profile", "--model", FRAUD / "fraud.onnx", "--data", FRAUD / "train.npy", "--out", profile)
    keys = {role: folder() / f"key-{role}" for role in ("watched", "slow", "operator")}
    digests = {role: _run("api-key", "--out", path).strip() for role, path in keys.items()}
    policy.write_text(f"""
[model.fraud]
label = ["label"]
probabilities = ["probabilities"]
[model.fraud.watch]
profile = "{profile}"
[role.watched]
models = {{ fraud = "exact" }}
[role.slow]
models = {{ fraud = "exact", embed = "exact" }}
rate = {{ rows = {SLOW_ROWS}, seconds = {SLOW_SECONDS}, burst = {SLOW_ROWS} }}
[role.operator]
operations = ["status"]
""" + "".join(f'[[key]]\nsha256 = "{digest}"\nrole = "{role}"\n' for role, digest in digests.items()),
        encoding="utf-8")
    world = start("guarded", "--policy", policy, f"--model=fraud={FRAUD / 'fraud.onnx'}",
                  f"--model=embed={onnx_files()['embed']}")
    world.keys = keys
    return world


def stranger() -> Path:
    """A key that no owner has listed."""
    path = folder() / "key-stranger"
    if not path.exists():
        _run("api-key", "--out", path)
    return path


def _run(*arguments: str | Path) -> str:
    command = [binary("strongroom"), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS,
                          check=False)
    if done.returncode != 0:
        raise NotStarted(f"strongroom {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
