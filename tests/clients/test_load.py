"""Many requests together, and large ones."""

from __future__ import annotations

import asyncio
import re
import socket
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import grpc
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_aio
import tritonclient.http as triton

from . import fixture, fraud, models
from .curl import check_refusal, curl, post
from .test_limits import request

# Requests at the same time.
TOGETHER = 200

# Longest wait for all of them, in seconds.
ALL_SECONDS = 60

# Most memory that a tensor takes on its way there and back, in multiples of its size. Sealing pads to a power of two.
MAX_COPIES = 4

# The largest body, and how many of it the proxy holds at once.
MAX_BODY_BYTES, LARGEST_AT_ONCE = 128 * 1024 * 1024, 4

# How long a large request waits for room, in seconds.
ROOM_SECONDS = 10

# Bombs at the same time, and the most memory that all of them take, in multiples of the room: a buffer doubles as it grows.
BOMBS, BOMBS_TAKE = 16, 2

INFER = "/inference.GRPCInferenceService/ModelInfer"


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

    def test_what_is_held_is_bounded_and_small_requests_pass(self) -> None:
        proxy = fixture.open_world().proxy()
        self.addCleanup(proxy.stop)
        url = f"{proxy.url}/v2/models/fraud/infer"
        small, large = request(fraud.rows()[:1]), np.zeros((3000, fraud.FEATURES), np.float32)
        holding = [self.announce(proxy.address) for _ in range(LARGEST_AT_ONCE)]
        self.assertEqual(post(url, small).status, 200)
        begun = time.monotonic()
        with ThreadPoolExecutor() as pool:
            over_grpc = pool.submit(self.status, proxy.address, large)
            refused = pool.submit(post, url, request(large))
            while not refused.done():
                asked = time.monotonic()
                self.assertEqual(post(url, small).status, 200)
                self.assertLess(time.monotonic() - asked, ROOM_SECONDS / 2)
            check_refusal(self, refused.result(), 503)
            self.assertGreaterEqual(int(refused.result().headers["retry-after"]), 1)
            self.assertEqual(over_grpc.result(), "StatusCode.UNAVAILABLE")
        self.assertLess(time.monotonic() - begun, 2 * ROOM_SECONDS)
        for held in holding:
            held.close()
        self.assertEqual(post(url, request(large)).status, 200)
        self.assertEqual(self.status(proxy.address, large), None)

    def announce(self, address: str) -> socket.socket:
        """The head of the largest request, and nothing of its body."""
        host, port = address.split(":")
        held = socket.create_connection((host, int(port)))
        self.addCleanup(held.close)
        held.sendall(f"POST /v2/models/fraud/infer HTTP/1.1\r\nHost: {address}\r\nContent-Length: {MAX_BODY_BYTES}"
                     "\r\n\r\n".encode())
        return held

    def status(self, address: str, rows: np.ndarray) -> str | None:
        """What gRPC says to these rows, where it is an error."""
        with triton_grpc.InferenceServerClient(address) as client:
            tensor = triton_grpc.InferInput("X", list(rows.shape), "FP32")
            tensor.set_data_from_numpy(rows)
            try:
                client.infer("fraud", [tensor])
            except triton_grpc.InferenceServerException as error:
                return error.status()
        return None

    def test_bombs_are_refused_and_take_little(self) -> None:
        proxy = fixture.open_world().proxy()
        self.addCleanup(proxy.stop)
        curl(f"{proxy.url}/v2/health/ready")
        idle, bomb = peak_mib(proxy.pid), bytes(MAX_BODY_BYTES + 1)

        def explode(packing: grpc.Compression) -> grpc.StatusCode:
            with grpc.insecure_channel(proxy.address) as channel, self.assertRaises(grpc.RpcError) as caught:
                channel.unary_unary(INFER)(bomb, compression=packing, timeout=ALL_SECONDS)
            return caught.exception.code()

        with ThreadPoolExecutor(BOMBS) as pool:
            codes = set(pool.map(explode, [grpc.Compression.Gzip, grpc.Compression.Deflate] * (BOMBS // 2)))
        self.assertLessEqual(codes, {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE})
        self.assertIn(grpc.StatusCode.RESOURCE_EXHAUSTED, codes)
        room = LARGEST_AT_ONCE * MAX_BODY_BYTES / 1024 ** 2
        print(f"{BOMBS} bombs: the proxy held {peak_mib(proxy.pid) - idle:.0f} MiB above idle")
        self.assertLess(peak_mib(proxy.pid) - idle, BOMBS_TAKE * room)
