"""curl, and what every refusal has to look like."""

from __future__ import annotations

import json
import subprocess
import unittest
from dataclasses import dataclass

# Stands in names and data of wrong requests: no answer may repeat it.
CANARY, CANARY_NUMBER = "canary.7d1f", 424242.5

# Longest run of curl, in seconds.
CURL_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


def curl(url: str, *arguments: str, body: bytes | None = None) -> Reply:
    """Runs curl, which gets the body on its stdin."""
    command = ["curl", "--silent", "--show-error", "--include", "--max-time", str(CURL_SECONDS), "--header", "Expect:",
               *arguments]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run([*command, url], input=body or b"", capture_output=True, timeout=CURL_SECONDS + 5,
                          check=False)
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    if not head:
        raise AssertionError(f"curl got nothing: {done.stderr.decode(errors='replace').strip()}")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return Reply(int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}, rest)


def post(url: str, value: object, *arguments: str) -> Reply:
    """Sends JSON, or bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return curl(url, "--header", "Content-Type: application/json", *arguments, body=body)


def check_refusal(test: unittest.TestCase, reply: Reply, *statuses: int) -> None:
    """A refusal has one of these statuses, is JSON with the field `error`, and repeats nothing."""
    test.assertIn(reply.status, statuses, reply.body[:300])
    test.assertEqual(reply.headers.get("content-type", "").split(";")[0], "application/json")
    error = reply.json()["error"]
    test.assertTrue(error)
    text = reply.body.decode() + json.dumps(reply.headers)
    for secret in (CANARY, str(CANARY_NUMBER), "424242"):
        test.assertNotIn(secret, text)
