"""tritonclient over gRPC: single requests, a stream, and asyncio."""

from __future__ import annotations

import asyncio
import queue
import unittest

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from . import fixture, fraud, models
from .types_sample import same, sample

# Longest wait for an answer of a stream, in seconds.
ANSWER_SECONDS = 30


def question(rows: np.ndarray) -> list[triton.InferInput]:
    """The fraud model's input."""
    tensor = triton.InferInput("X", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    return [tensor]


class TritonGrpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.client = triton.InferenceServerClient(fixture.proxy().address)
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
        self.assertFalse(self.is_ready("nobody"))

    def is_ready(self, name: str) -> bool:
        """An unknown model is not ready, whether an answer says so or an error does."""
        try:
            return self.client.is_model_ready(name)
        except InferenceServerException as error:
            self.assertEqual(error.status(), "StatusCode.NOT_FOUND")
            return False

    def test_metadata(self) -> None:
        server = self.client.get_server_metadata(as_json=True)
        self.assertTrue(server["name"] and server["version"])
        model = self.client.get_model_metadata("fraud", as_json=True)
        self.assertEqual((model["name"], model["versions"]), ("fraud", ["1"]))
        self.assertEqual(model["inputs"], [{"name": "X", "datatype": "FP32", "shape": ["-1", "30"]}])
        self.assertEqual([output["name"] for output in model["outputs"]], ["label", "probabilities"])

    def test_index_lists_what_may_be_asked(self) -> None:
        index = self.client.get_model_repository_index(as_json=True)["models"]
        self.assertEqual({entry["name"] for entry in index}, {"fraud", "types", "wide", "embed"})

    def test_infer(self) -> None:
        self.check(self.client.infer("fraud", question(self.rows)))

    def test_outputs_that_were_not_asked_for_stay_away(self) -> None:
        answer = self.client.infer("fraud", question(self.rows), outputs=[triton.InferRequestedOutput("label")])
        self.assertEqual([output.name for output in answer.get_response().outputs], ["label"])

    def test_request_id_and_version_come_back(self) -> None:
        answer = self.client.infer("fraud", question(self.rows), model_version="1", request_id="four payments")
        answer = answer.get_response()
        self.assertEqual((answer.id, answer.model_name, answer.model_version), ("four payments", "fraud", "1"))

    def test_compression(self) -> None:
        for name in ("gzip", "deflate"):
            with self.subTest(name):
                self.check(self.client.infer("fraud", question(self.rows), compression_algorithm=name))

    def test_every_type_comes_back_as_it_was_sent(self) -> None:
        inputs = []
        for name in models.TYPES:
            tensor = triton.InferInput(f"in_{name}", [2, 2], name)
            tensor.set_data_from_numpy(sample(name))
            inputs.append(tensor)
        answer = self.client.infer("types", inputs)
        for name in models.TYPES:
            self.assertTrue(same(answer.as_numpy(f"out_{name}"), sample(name)), name)

    def test_errors_have_message_and_status(self) -> None:
        other = triton.InferInput("Y", [1, fraud.FEATURES], "FP32")
        other.set_data_from_numpy(self.rows[:1])
        for status, ask in (
            ("NOT_FOUND", lambda: self.client.infer("nobody", question(self.rows))),
            ("NOT_FOUND", lambda: self.client.infer("fraud", question(self.rows), model_version="9")),
            ("NOT_FOUND", lambda: self.client.get_model_metadata("nobody")),
            ("INVALID_ARGUMENT", lambda: self.client.infer("fraud", [other])),
            ("INVALID_ARGUMENT", lambda: self.client.infer("fraud", question(self.rows[:, :29].copy()))),
        ):
            with self.subTest(status), self.assertRaises(InferenceServerException) as caught:
                ask()
            self.assertEqual(caught.exception.status(), f"StatusCode.{status}")
            self.assertTrue(caught.exception.message())

    def test_stream(self) -> None:
        answers: queue.Queue = queue.Queue()
        with triton.InferenceServerClient(fixture.proxy().address) as client:
            client.start_stream(lambda result, error: answers.put((result, error)))
            for at in range(16):
                client.async_stream_infer("fraud", question(fraud.rows()[at:at + 1]), request_id=str(at))
            seen = set()
            for _ in range(16):
                result, error = answers.get(timeout=ANSWER_SECONDS)
                self.assertIsNone(error)
                at = int(result.get_response().id)
                seen.add(at)
                np.testing.assert_allclose(result.as_numpy("probabilities")[0], fraud.expected()[at, 1:], atol=1e-5)
            self.assertEqual(seen, set(range(16)))
            client.stop_stream()

    def test_an_error_leaves_the_stream_open(self) -> None:
        answers: queue.Queue = queue.Queue()
        with triton.InferenceServerClient(fixture.proxy().address) as client:
            client.start_stream(lambda result, error: answers.put((result, error)))
            client.async_stream_infer("nobody", question(self.rows))
            result, error = answers.get(timeout=ANSWER_SECONDS)
            self.assertIsNone(result)
            self.assertIsInstance(error, InferenceServerException)
            client.async_stream_infer("fraud", question(self.rows))
            result, error = answers.get(timeout=ANSWER_SECONDS)
            self.assertIsNone(error)
            self.check(result)
            client.stop_stream()

    def test_asyncio(self) -> None:
        async def ask() -> None:
            async with triton_aio.InferenceServerClient(fixture.proxy().address) as client:
                self.assertTrue(await client.is_server_ready())
                answers = await asyncio.gather(*(client.infer("fraud", question(self.rows)) for _ in range(8)))
                for answer in answers:
                    self.check(answer)

        asyncio.run(ask())
