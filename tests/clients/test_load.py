"""Many requests together, and large ones."""

from __future__ import annotations

import asyncio
import re
import unittest
from pathlib import Path

import aiohttp
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton

from . import fixture, fraud, models
from .curl import post
from .test_limits import request

# Requests at the same time.
TOGETHER = 200

# Longest wait for all of them, in seconds.
ALL_SECONDS = 60

# Most memory that a tensor takes on its way there and back, in multiples of its size. Sealing pads to a power of two.
MAX_COPIES = 4


def peak_mib(pid: int) -> float:
    """The most memory that a process has held."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


class Load(unittest.TestCase):
    def test_answers_are_never_mixed_up(self) -> None:
        url = f"{fixture.proxy().url}/v2/models/fraud/infer"
        # One by one first: together, each has to get the very same answer.
        alone = [post(url, request(fraud.rows()[at:at + 1])).json()["outputs"] for at in range(TOGETHER)]
        self.assertGreater(len({str(outputs) for outputs in alone}), TOGETHER // 2)

        async def ask(session: aiohttp.ClientSession, at: int) -> None:
            body = {"id": f"row {at}", **request(fraud.rows()[at:at + 1])}
            async with session.post(url, json=body) as reply:
                answer = await reply.json()
                self.assertEqual(reply.status, 200, answer)
                self.assertEqual((answer["id"], answer["outputs"]), (f"row {at}", alone[at]))

        async def ask_all() -> None:
            limit = aiohttp.ClientTimeout(total=ALL_SECONDS)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TOGETHER), timeout=limit) as session:
                await asyncio.gather(*(ask(session, at) for at in range(TOGETHER)))

        asyncio.run(ask_all())

    def test_answers_over_one_connection_are_never_mixed_up(self) -> None:
        async def ask(client: triton_aio.InferenceServerClient, at: int) -> None:
            tensor = triton_grpc.InferInput("X", [1, fraud.FEATURES], "FP32")
            tensor.set_data_from_numpy(fraud.rows()[at:at + 1])
            answer = await client.infer("fraud", [tensor], request_id=str(at), client_timeout=ALL_SECONDS)
            self.assertEqual(answer.get_response().id, str(at))
            np.testing.assert_allclose(answer.as_numpy("probabilities")[0], fraud.expected()[at, 1:], atol=1e-6)

        async def ask_all() -> None:
            async with triton_aio.InferenceServerClient(fixture.proxy().address) as client:
                await asyncio.gather(*(ask(client, at) for at in range(TOGETHER)))

        asyncio.run(ask_all())

    def test_64_mib_pass_in_both_directions(self) -> None:
        proxy = fixture.open_world().proxy()
        self.addCleanup(proxy.stop)
        value = np.random.default_rng(1).random(models.WIDE, dtype=np.float32)
        with triton.InferenceServerClient(proxy.address, network_timeout=ALL_SECONDS,
                                          connection_timeout=ALL_SECONDS) as client:
            client.is_server_ready()
            idle = peak_mib(proxy.pid)
            self.ask_wide(client, triton, value)
            once = peak_mib(proxy.pid)
            self.assertLess(once - idle, MAX_COPIES * 64)
        with triton_grpc.InferenceServerClient(proxy.address) as client:
            self.ask_wide(client, triton_grpc, value)
        print(f"64 MiB there and back: the proxy held {once - idle:.0f} MiB above idle ({idle:.0f} MiB) over HTTP, "
              f"{peak_mib(proxy.pid) - idle:.0f} MiB after gRPC")

    def ask_wide(self, client: triton.InferenceServerClient, kind: object, value: np.ndarray) -> None:
        """Sends the value, and gets it back."""
        tensor = kind.InferInput("x", list(value.shape), "FP32")
        tensor.set_data_from_numpy(value)
        np.testing.assert_array_equal(client.infer("wide", [tensor]).as_numpy("y"), value)
