"""The asyncio twin."""

from __future__ import annotations

import asyncio
import time
import unittest

import numpy as np
import strongroom

from . import fixture


async def connect(**more: object) -> strongroom.AsyncClient:
    world = fixture.open_world()
    return await strongroom.connect_async(world.program.url, **{**fixture.arguments(world), **more})


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_200_at_once_do_not_mix(self) -> None:
        async with await connect() as client:
            alone = [fixture.client().infer("fraud", {"X": fixture.rows(2, seed)}) for seed in range(200)]
            asked = [client.infer("fraud", {"X": fixture.rows(2, seed)}) for seed in range(200)]
            for expected, given in zip(alone, await asyncio.gather(*asked)):
                np.testing.assert_array_equal(given["probabilities"], expected["probabilities"])

    async def test_everything_that_the_other_client_has(self) -> None:
        async with await connect() as client:
            self.assertEqual((await client.verify()).enclave["deployment"], "simulation")
            self.assertEqual((await client.session()).enclave["epoch"], 1)
            self.assertEqual(len(await client.models()), 4)
            model = await client.model("fraud")
            answer = await model.infer({"X": [[0.5] * 30]}, outputs=["label"])
            self.assertEqual(answer["label"].shape, (1,))
            self.assertEqual(client.epochs, {"simulation": 1})
            with self.assertRaises(strongroom.UsageError):
                await client.model("none")
            with self.assertRaises(strongroom.RefusedError):
                await client.status()
        with self.assertRaisesRegex(strongroom.UsageError, "closed"):
            await client.verify()

    async def test_the_loop_runs_while_a_call_waits(self) -> None:
        async with await connect() as client:
            wide = np.zeros((16, 1024 * 1024), np.float32)
            name = (await client.model("wide")).info.inputs[0].name
            call = asyncio.ensure_future(client.infer("wide", {name: wide}))
            ticks = 0
            while not call.done():
                await asyncio.sleep(0.005)
                ticks += 1
            self.assertGreater(ticks, 3)

    async def test_a_cancelled_call_is_given_up(self) -> None:
        async with await connect() as client:
            begun = time.monotonic()
            url, listener = fixture.silent_host()
            with listener, self.assertRaises(asyncio.TimeoutError):
                lost = strongroom.connect_async(url, trust=fixture.open_world().state / "trust.toml",
                                                api_key=fixture.open_world().state / "api-key", deadline_seconds=30)
                await asyncio.wait_for(lost, 0.2)
            self.assertLess(time.monotonic() - begun, 5)
            self.assertEqual((await client.session()).enclave["epoch"], 1)
