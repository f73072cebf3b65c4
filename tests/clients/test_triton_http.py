"""tritonclient over HTTP, with threads of its own and with asyncio."""

from __future__ import annotations

import asyncio
import unittest

import ml_dtypes
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from . import fixture, fraud, models
from .types_sample import same, sample


def question(rows: np.ndarray, binary: bool = True) -> list[triton.InferInput]:
    """The fraud model's input."""
    tensor = triton.InferInput("X", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return [tensor]


class TritonHttp(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.client = triton.InferenceServerClient(fixture.proxy().address, concurrency=4)
        cls.addClassCleanup(cls.client.close)
        cls.rows = fraud.rows()[:4]

    def check(self, answer: triton.InferResult) -> None:
        np.testing.assert_array_equal(answer.as_numpy("label"), fraud.expected()[:4, 0])
        np.testing.assert_allclose(answer.as_numpy("probabilities"), fraud.expected()[:4, 1:], atol=1e-5)

    def test_health(self) -> None:
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready("fraud"))
        self.assertTrue(self.client.is_model_ready("fraud", "1"))
        self.assertFalse(self.client.is_model_ready("nobody"))
        self.assertFalse(self.client.is_model_ready("fraud", "9"))

    def test_metadata(self) -> None:
        server = self.client.get_server_metadata()
        self.assertTrue(server["name"] and server["version"])
        self.assertIn("binary_tensor_data", server["extensions"])
        model = self.client.get_model_metadata("fraud")
        self.assertEqual((model["name"], model["versions"]), ("fraud", ["1"]))
        self.assertEqual(model["inputs"], [{"name": "X", "datatype": "FP32", "shape": [-1, fraud.FEATURES]}])
        self.assertEqual([output["name"] for output in model["outputs"]], ["label", "probabilities"])
        self.assertEqual(self.client.get_model_metadata("fraud", "1"), model)

    def test_index_lists_what_may_be_asked(self) -> None:
        index = self.client.get_model_repository_index()
        self.assertEqual({entry["name"] for entry in index}, {"fraud", "types", "wide", "embed"})
        self.assertEqual({entry["state"] for entry in index}, {"READY"})

    def test_infer_in_binary_and_in_json(self) -> None:
        for sent in (True, False):
            for received in (True, False):
                with self.subTest(sent=sent, received=received):
                    wanted = [triton.InferRequestedOutput(name, binary_data=received)
                              for name in ("label", "probabilities")]
                    self.check(self.client.infer("fraud", question(self.rows, sent), outputs=wanted))

    def test_outputs_that_were_not_asked_for_stay_away(self) -> None:
        answer = self.client.infer("fraud", question(self.rows), outputs=[triton.InferRequestedOutput("label")])
        self.assertEqual([output["name"] for output in answer.get_response()["outputs"]], ["label"])
        self.assertIsNone(answer.as_numpy("probabilities"))

    def test_request_id_and_version_come_back(self) -> None:
        answer = self.client.infer("fraud", question(self.rows), model_version="1", request_id="four payments")
        answer = answer.get_response()
        self.assertEqual((answer["id"], answer["model_name"], answer["model_version"]), ("four payments", "fraud", "1"))

    def test_compression_both_ways(self) -> None:
        self.check(self.client.infer("fraud", question(self.rows), request_compression_algorithm="gzip"))
        self.check(self.client.infer("fraud", question(self.rows), response_compression_algorithm="gzip"))

    def test_compression_that_is_not_supported_is_said(self) -> None:
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("fraud", question(self.rows), request_compression_algorithm="deflate")
        self.assertEqual(caught.exception.status(), "415")

    def test_every_type_comes_back_as_it_was_sent(self) -> None:
        for binary in (True, False):
            with self.subTest(binary=binary):
                # JSON has no form for FP16, so that tritonclient sends it in binary always.
                inputs = []
                for name in models.TYPES:
                    value = sample(name)
                    tensor = triton.InferInput(f"in_{name}", list(value.shape), name)
                    tensor.set_data_from_numpy(value, binary_data=binary or name == "FP16")
                    inputs.append(tensor)
                wanted = [triton.InferRequestedOutput(f"out_{name}", binary_data=binary or name == "FP16")
                          for name in models.TYPES]
                answer = self.client.infer("types", inputs, outputs=wanted)
                for name in models.TYPES:
                    self.assertTrue(same(answer.as_numpy(f"out_{name}"), sample(name)), name)

    def test_bf16_is_refused_as_another_type_and_nothing_breaks(self) -> None:
        tensor = triton.InferInput("X", [1, fraud.FEATURES], "BF16")
        tensor.set_data_from_numpy(self.rows[:1].astype(ml_dtypes.bfloat16))
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("fraud", [tensor])
        self.assertEqual(caught.exception.status(), "400")

    def test_errors_have_message_and_status(self) -> None:
        other = triton.InferInput("Y", [1, fraud.FEATURES], "FP32")
        other.set_data_from_numpy(self.rows[:1])
        for status, ask in (
            ("404", lambda: self.client.infer("nobody", question(self.rows))),
            ("404", lambda: self.client.infer("fraud", question(self.rows), model_version="9")),
            ("404", lambda: self.client.get_model_metadata("nobody")),
            ("400", lambda: self.client.infer("fraud", [other])),
            ("400", lambda: self.client.infer("fraud", question(self.rows[:, :29].copy()))),
        ):
            with self.subTest(status), self.assertRaises(InferenceServerException) as caught:
                ask()
            self.assertEqual(caught.exception.status(), status)
            self.assertNotIn("an exception occurred in the client", caught.exception.message())

    def test_requests_in_flight_together(self) -> None:
        waiting = [self.client.async_infer("fraud", question(fraud.rows()[at:at + 1])) for at in range(16)]
        for at, answer in enumerate(waiting):
            scores = answer.get_result().as_numpy("probabilities")
            np.testing.assert_allclose(scores[0], fraud.expected()[at, 1:], atol=1e-5)

    def test_asyncio(self) -> None:
        async def ask() -> None:
            async with triton_aio.InferenceServerClient(fixture.proxy().address) as client:
                self.assertTrue(await client.is_server_ready())
                self.assertEqual((await client.get_model_metadata("fraud"))["name"], "fraud")
                answers = await asyncio.gather(*(client.infer("fraud", question(self.rows)) for _ in range(8)))
                for answer in answers:
                    self.check(answer)

        asyncio.run(ask())
