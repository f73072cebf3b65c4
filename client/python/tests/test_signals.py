"""Ctrl-C and forks, each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import unittest

from . import fixture

CONNECT = """
import os, sys, strongroom
connect = lambda url: strongroom.connect(url, trust=sys.argv[2], api_key="@" + sys.argv[3], deadline_seconds=60)
"""

WAITING = CONNECT + """
import signal
# Whoever started this in the background may have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("waiting", flush=True)
try:
    connect(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

FORKED = CONNECT + """
client = connect(sys.argv[1])
child = os.fork()
if child == 0:
    try:
        client.verify()
    except strongroom.UsageError as error:
        os._exit(7 if "fork" in str(error) else 1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    state = fixture.open_world().state
    command = [sys.executable, "-c", program, url, str(state / "trust.toml"), str(state / "api-key")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class Signals(unittest.TestCase):
    def test_ctrl_c_ends_a_call_that_waits(self) -> None:
        url, listener = fixture.silent_host()
        self.addCleanup(listener.close)
        process = start(WAITING, url)
        assert process.stdout
        self.assertEqual(process.stdout.readline(), "waiting\n")
        time.sleep(0.5)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        self.assertEqual(said, "interrupted\n")
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_forked_child_is_told_and_does_not_hang(self) -> None:
        process = start(FORKED, fixture.open_world().program.url)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 7)
