"""An enclave that is killed under load, and a host that goes away."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

import psutil
import tritonclient.grpc as triton_grpc

from . import fixture, fraud
from .curl import check_refusal, curl, post
from .test_limits import request

# Callers at the same time, how long they ask before and after, and how long recovery may take, in seconds.
CALLERS, BEFORE_SECONDS, AFTER_SECONDS, RECOVERY_SECONDS = 8, 1.0, 1.0, 30.0

# Longest time after the end of an enclave in which the proxy may call itself ready, in seconds, and pause between probes.
STALE_SECONDS, PROBE_SECONDS = 5.0, 0.1

# Longest wait for one answer, in seconds: requests are retried while the enclave is away.
ANSWER_SECONDS = 60.0


class Callers:
    """Ask without a pause until they are stopped, and keep what they got."""

    def __init__(self, address: str, path: str, alone: list) -> None:
        self.address, self.path, self.alone = address, path, alone
        self.seen: list[tuple[float, int, bool]] = []
        self.faults: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(first,)) for first in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS)

    def answered_after(self, moment: float) -> bool:
        return any(at > moment and status == 200 for at, status, _ in self.seen)

    def _ask(self, at: int) -> None:
        try:
            while not self._over.is_set():
                at = (at + CALLERS) % len(self.alone)
                self.seen.append(self._once(at))
        except Exception as error:  # whatever it is, the test has to hear of it
            self.faults.append(repr(error))

    def _once(self, at: int) -> tuple[float, int, bool]:
        connection = http.client.HTTPConnection(self.address, timeout=ANSWER_SECONDS)
        try:
            body = json.dumps(request(fraud.rows()[at:at + 1]))
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        right = answer.get("outputs") == self.alone[at] if reply.status == 200 else bool(answer["error"])
        return time.monotonic(), reply.status, right


def child(world: fixture.World, name: str) -> psutil.Process:
    """A process of this simulation."""
    # Commands of the owner have ended and wait to be noticed.
    started = [own for own in psutil.Process(world.program.pid).children() if own.status() != psutil.STATUS_ZOMBIE]
    found = [own for own in started if Path(own.exe()).name == name]
    assert len(found) == 1, f"{len(found)} processes {name}"
    return found[0]


class Recovery(unittest.TestCase):
    def test_an_enclave_that_is_killed(self) -> None:
        world = fixture.start("doomed")
        self.addCleanup(world.program.stop)
        proxy = world.proxy()
        self.addCleanup(proxy.stop)
        path = "/v2/models/fraud/infer"
        alone = [post(proxy.url + path, request(fraud.rows()[at:at + 1])).json()["outputs"] for at in range(64)]
        callers = Callers(proxy.address, path, alone)
        try:
            time.sleep(BEFORE_SECONDS)
            again = self.replace(child(world, "strongroom-sim-enclave"))
            while not callers.answered_after(again) and time.monotonic() < again + RECOVERY_SECONDS:
                time.sleep(0.05)
            recovered = time.monotonic() - again
            time.sleep(AFTER_SECONDS)
        finally:
            callers.stop()
        self.judge(callers, again)
        self.host_goes(world, proxy)
        failed = sum(status != 200 for _, status, _ in callers.seen)
        print(f"enclave killed under load: {len(callers.seen)} requests, {failed} failed, answers "
              f"{recovered:.1f} s after it was started again")

    def test_ready_is_true(self) -> None:
        """Nobody asks anything but probes, and they hear of the enclave's end, and of the next one."""
        world = fixture.start("probed")
        self.addCleanup(world.program.stop)
        proxy = world.proxy()
        self.addCleanup(proxy.stop)
        self.assertEqual(self.probes(proxy), {200, True})
        enclave = child(world, "strongroom-sim-enclave")
        command, folder = enclave.cmdline(), enclave.cwd()
        os.kill(enclave.pid, signal.SIGKILL)
        gone = self.seconds_until(proxy, {503, False}, STALE_SECONDS)
        self.run_again(command, folder)
        back = self.seconds_until(proxy, {200, True}, RECOVERY_SECONDS)
        print(f"enclave killed at rest: not ready {gone:.1f} s later, ready {back:.1f} s after it was started again")

    def seconds_until(self, proxy: fixture.Program, wanted: set, longest: float) -> float:
        begun = time.monotonic()
        while (found := self.probes(proxy)) != wanted:
            self.assertLess(time.monotonic() - begun, longest, found)
            time.sleep(PROBE_SECONDS)
        return time.monotonic() - begun

    def probes(self, proxy: fixture.Program) -> set:
        """What all of them say."""
        paths = ("/v2/health/ready", "/v2/models/fraud/ready", "/status.json")
        with triton_grpc.InferenceServerClient(proxy.address) as client:
            over_grpc = {client.is_server_ready(), client.is_model_ready("fraud")}
        return {curl(proxy.url + path).status for path in paths} | over_grpc

    def replace(self, enclave: psutil.Process) -> float:
        """Kills the enclave and starts it again as it was started. Says when."""
        command, folder = enclave.cmdline(), enclave.cwd()
        os.kill(enclave.pid, signal.SIGKILL)
        # The simulation does not notice, so that this is what the supervisor of a real host does.
        time.sleep(0.5)
        return self.run_again(command, folder)

    def run_again(self, command: list[str], folder: str) -> float:
        started = subprocess.Popen(command, cwd=folder, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)

        def end() -> None:
            started.kill()
            started.wait()

        atexit.register(end)
        self.addCleanup(end)
        # An answer from here on is not the old enclave's.
        return time.monotonic()

    def judge(self, callers: Callers, again: float) -> None:
        self.assertEqual(callers.faults, [])
        self.assertTrue(callers.answered_after(again), "the proxy did not recover")
        self.assertGreater(sum(at < again for at, _, _ in callers.seen), CALLERS)
        self.assertEqual([status for _, status, _ in callers.seen if status not in (200, 503)], [])
        self.assertTrue(all(right for _, _, right in callers.seen), "an answer was another one's")

    def host_goes(self, world: fixture.World, proxy: fixture.Program) -> None:
        """Without a host nothing is answered, and the proxy stays alive."""
        os.kill(child(world, "strongroom-host").pid, signal.SIGKILL)
        check_refusal(self, post(f"{proxy.url}/v2/models/fraud/infer", request(fraud.rows()[:1])), 503)
        self.assertEqual(curl(f"{proxy.url}/v2/health/live").status, 200)
