"""kserve's own clients, REST and gRPC, of protocol v2."""

from __future__ import annotations

import logging
import unittest

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from . import fixture, fraud


def question(rows: np.ndarray, binary: bool, model: str = "fraud", **more: object) -> InferRequest:
    """The fraud model's request."""
    tensor = InferInput("X", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(model_name=model, infer_inputs=[tensor], **more)


class Kserve(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.rows = fraud.rows()[:4]
        # kserve logs what it raises as well.
        logging.getLogger("kserve").setLevel(logging.CRITICAL)

    def check(self, answer: object) -> None:
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        np.testing.assert_array_equal(outputs["label"].reshape(-1), fraud.expected()[:4, 0])
        np.testing.assert_allclose(outputs["probabilities"].reshape(4, 2), fraud.expected()[:4, 1:], atol=1e-5)

    async def test_rest(self) -> None:
        url = fixture.proxy().url
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            self.assertTrue(await client.is_server_live(url))
            self.assertTrue(await client.is_server_ready(url))
            self.assertTrue(await client.is_model_ready(url, "fraud"))
            self.assertFalse(await client.is_model_ready(url, "nobody"))
            for binary in (True, False):
                with self.subTest(binary=binary):
                    answer = await client.infer(url, question(self.rows, binary), model_name="fraud")
                    self.check(answer)
            binary_output = {"binary_data_output": True}
            self.check(await client.infer(url, question(self.rows, True, parameters=binary_output), model_name="fraud"))
            wanted = [RequestedOutput("label")]
            answer = await client.infer(url, question(self.rows, True, request_outputs=wanted), model_name="fraud")
            self.assertEqual([output.name for output in answer.outputs], ["label"])

    async def test_rest_errors(self) -> None:
        url = fixture.proxy().url
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            for status, model, rows in ((404, "nobody", self.rows), (400, "fraud", self.rows[:, :29].copy())):
                with self.subTest(status), self.assertRaises(httpx.HTTPStatusError) as caught:
                    await client.infer(url, question(rows, True, model), model_name=model)
                self.assertEqual(caught.exception.response.status_code, status)
                # kserve puts the answer's own words in front, if it finds them.
                self.assertFalse(str(caught.exception).startswith(","))

    async def test_grpc(self) -> None:
        async with InferenceGRPCClient(fixture.proxy().address) as client:
            self.assertTrue(await client.is_server_live())
            self.assertTrue(await client.is_server_ready())
            self.assertTrue(await client.is_model_ready("fraud"))
            for binary in (True, False):
                with self.subTest(binary=binary):
                    self.check(await client.infer(question(self.rows, binary)))

    async def test_grpc_errors(self) -> None:
        async with InferenceGRPCClient(fixture.proxy().address) as client:
            with self.assertRaises(grpc.RpcError) as caught:
                await client.infer(question(self.rows, True, "nobody"))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
            with self.assertRaises(grpc.RpcError) as caught:
                await client.infer(question(self.rows[:, :29].copy(), True))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
