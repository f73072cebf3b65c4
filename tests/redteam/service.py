"""The victim as an attacker sees it: an API key, a number of questions, and what comes back.

Every question goes through `strongroom infer --lines`, so through the client library, a verified session and the
running service. Nothing here knows the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# Longest wait for one answer, in seconds. The client library gives up after 180.
ANSWER_SECONDS = 200.0

# Longest wait, in seconds, that an attacker accepts when a rate is used up.
PATIENCE_SECONDS = 2.0


class Spent(Exception):
    """The budget of questions or of time is used up."""


class ServiceError(Exception):
    """The service does not answer, which no attack is meant to bring about."""


@dataclass(frozen=True)
class Form:
    """How a model is asked: name of its input, of its label and of its scores."""

    model: str
    input: str
    label: str
    scores: str | None
    classes: int


@dataclass(frozen=True)
class Door:
    """Where a service is, and what its clients need."""

    strongroom: Path
    url: str
    trust: Path
    state: Path


@dataclass
class Seen:
    """What one key has been through; positions are numbers of questions from 1."""

    rows: list[np.ndarray] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    scores: list[np.ndarray | None] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)
    first_treatment: str | None = None
    unlike: int = 0
    flagged_at: int | None = None
    suspended_at: int | None = None
    reasons: dict[str, int] = field(default_factory=dict)


def end(process: subprocess.Popen, seconds: float) -> None:
    """Lets a process end by itself once its stdin ends, and ends it after these seconds."""
    if process.stdin:
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


class Oracle:
    """One API key. Counts its questions, remembers the answers, and stops when its budget is spent."""

    def __init__(self, door: Door, form: Form, key: Path, budget: int, seconds: float) -> None:
        self.form, self.budget = form, budget
        self.until = time.monotonic() + seconds
        self.seen = Seen()
        environment = {**os.environ, "XDG_STATE_HOME": str(door.state), "STRONGROOM_LOG": "error"}
        command = [door.strongroom, "infer", "--lines", "--receipts", "--url", door.url, "--trust", door.trust,
                   "--api-key", f"@{key}", "--model", form.model]
        self._log = open(door.state / f"{key.name}.log", "wb")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                                         env=environment)

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the client: it does so by itself when its stdin ends."""
        end(self._process, 5)
        self._log.close()

    @property
    def asked(self) -> int:
        return len(self.seen.refused)

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Asks about each row by itself: labels (−1 where refused), scores (NaN where there are none), refused."""
        rows = np.atleast_2d(np.asarray(rows, dtype=np.float32))
        start = self.asked
        for row in rows:
            self._ask(row)
        seen = self.seen
        labels = np.array(seen.labels[start:], dtype=np.int64)
        refused = np.array(seen.refused[start:], dtype=bool)
        if self.form.scores is None:
            return labels, None, refused
        empty = np.full(self.form.classes, np.nan, dtype=np.float32)
        scores = np.stack([empty if score is None else score for score in seen.scores[start:]])
        return labels, scores, refused

    def accepted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """All rows that were answered, with labels and, if every answer had them, scores."""
        keep = [at for at, refused in enumerate(self.seen.refused) if not refused]
        if not keep:
            return np.empty((0, 0), np.float32), np.empty(0, np.int64), None
        rows = np.stack([self.seen.rows[at] for at in keep])
        labels = np.array([self.seen.labels[at] for at in keep])
        scores = [self.seen.scores[at] for at in keep]
        if any(score is None for score in scores):
            return rows, labels, None
        return rows, labels, np.stack([score for score in scores if score is not None])

    def _ask(self, row: np.ndarray) -> None:
        if self.asked >= self.budget or time.monotonic() > self.until:
            raise Spent
        answer = {"error": "suspended", "class": "refused"} if self._is_shut() else self._exchange(row)
        self.seen.rows.append(row)
        if "error" in answer:
            self._refused(answer)
        else:
            self._answered(answer)

    def _is_shut(self) -> bool:
        """A suspended key gets nothing for an hour: to go on asking would only cost time."""
        return self.seen.suspended_at is not None

    def _exchange(self, row: np.ndarray) -> dict:
        answer = self._line(row)
        wait = answer.get("retry_after_ms", 0) / 1000
        if "is used up" in answer.get("error", "") and 0 < wait <= PATIENCE_SECONDS:
            time.sleep(wait)
            answer = self._line(row)
        return answer

    def _line(self, row: np.ndarray) -> dict:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        tensor = {"name": self.form.input, "datatype": "FP32", "shape": [1, len(row)],
                  "data": [float(np.format_float_scientific(value)) for value in row]}
        watchdog = threading.Timer(ANSWER_SECONDS, self._process.kill)
        watchdog.start()
        try:
            stdin.write(json.dumps({"inputs": [tensor]}, allow_nan=False).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            watchdog.cancel()
        if not line:
            raise ServiceError(f"strongroom infer ended: see {self._log.name}")
        answer = json.loads(line)
        if answer.get("class") == "request":
            raise ServiceError(answer["error"])
        return answer

    def _refused(self, answer: dict) -> None:
        seen, why = self.seen, answer["error"].removeprefix("refused by the enclave: ").split(":")[0].split(" (")[0]
        seen.labels.append(-1)
        seen.scores.append(None)
        seen.refused.append(True)
        if why.startswith("out of distribution"):
            seen.unlike += 1
        if why.startswith("suspended"):
            why = "suspended"
            seen.suspended_at = seen.suspended_at or self.asked
            seen.flagged_at = seen.flagged_at or self.asked
        seen.reasons[why] = seen.reasons.get(why, 0) + 1

    def _answered(self, answer: dict) -> None:
        seen, form = self.seen, self.form
        outputs = {output["name"]: output for output in answer["outputs"]}
        seen.labels.append(int(outputs[form.label]["data"][0]))
        scores = outputs.get(form.scores) if form.scores else None
        seen.scores.append(np.array(scores["data"], dtype=np.float32) if scores else None)
        seen.refused.append(False)
        treatment = json.dumps(answer["receipt"]["treatment"], sort_keys=True)
        seen.first_treatment = seen.first_treatment or treatment
        # A key that is watched gets coarser answers from an alarm on, and its receipts say so.
        if treatment != seen.first_treatment:
            seen.flagged_at = seen.flagged_at or self.asked
