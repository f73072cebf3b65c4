"""A simulated service with one policy, for as long as it is attacked.

`strongroom-sim` starts KMS, enclave and host on loopback and ends when its stdin does, so that none of them can
outlive this program.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .data import Victim
from .policy import Keys, schema
from .service import Door, Form, Oracle, ServiceError, end

# Longest start of a service, and longest run of an owner's command, in seconds.
START_SECONDS = 120.0
COMMAND_SECONDS = 600.0

# Time for the service to end, in seconds.
STOP_SECONDS = 30.0

ROLES = {"attacker": 48, "noisy": 8}


@dataclass(frozen=True)
class Binaries:
    """Strongroom's own programs."""

    folder: Path

    def path(self, name: str) -> Path:
        found = self.folder / name
        if not found.is_file():
            raise ServiceError(f"{found} is missing: build the commands, or set STRONGROOM_BIN to their folder")
        return found

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs `strongroom`, however it ends."""
        command = [self.path("strongroom"), *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=COMMAND_SECONDS, check=False)


class World:
    """A running service. Each attack opens keys of its own, so that none suffers for another."""

    def __init__(self, binaries: Binaries, victim: Victim, form: Form, seed: int,
                 write_policy: Callable[[Keys], str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="strongroom-redteam.")
        self._form, self._unused = form, {}
        folder = Path(self._folder.name)
        (folder / "client").mkdir()
        (folder / "schema.toml").write_text(schema(victim), encoding="utf-8")
        digests = {role: self._make_keys(role, count, seed) for role, count in ROLES.items()}
        text = write_policy(Keys(digests["attacker"], digests["noisy"]))
        (folder / "policy.toml").write_text(text, encoding="utf-8")
        self._log = open(folder / "service.log", "wb")
        command = [binaries.path("strongroom-sim"), "up", "--state", folder / "state", "--listen", "127.0.0.1:0",
                   "--end-with-stdin", "--model", f"{form.model}={victim.onnx.resolve()}",
                   "--schema", f"{form.model}={folder / 'schema.toml'}", "--policy", folder / "policy.toml"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        try:
            url = self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        trust = folder / "state" / "trust.toml"
        self._door = Door(binaries.path("strongroom"), url, trust, folder / "client")

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, role: str, budget: int, seconds: float) -> Oracle:
        """A client with a key that nobody has used."""
        key = next(self._unused[role], None)
        if key is None:
            raise ServiceError(f"all keys of the role {role} are used up")
        return Oracle(self._door, self._form, key, budget, seconds)

    def close(self) -> None:
        """Ends the service and all that it started."""
        end(self._process, STOP_SECONDS)
        self._log.close()
        self._folder.cleanup()

    def _make_keys(self, role: str, count: int, seed: int) -> list[str]:
        """Keys of the seed: they open a simulation that ends with this run, and nothing else."""
        folder = Path(self._folder.name) / "keys"
        folder.mkdir(exist_ok=True)
        files, digests = [], []
        for number in range(count):
            secret = hashlib.sha256(f"redteam {seed} {role} {number}".encode()).digest()
            file = folder / f"{role}-{number}"
            text = "sr_" + base64.urlsafe_b64encode(secret).decode().rstrip("=")
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(text + "\n")
            files.append(file)
            digests.append(hashlib.sha256(secret).hexdigest())
        self._unused[role] = itertools.chain(files)
        return digests

    def _wait_until_ready(self) -> str:
        assert self._process.stdout
        watchdog = threading.Timer(START_SECONDS, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline().decode().strip()
        finally:
            watchdog.cancel()
        if not line.startswith("ready http"):
            self._log.flush()
            words = Path(self._log.name).read_text(errors="replace").splitlines()[-8:]
            raise ServiceError("the simulated service did not start: " + " / ".join(words))
        return line.removeprefix("ready ")
