"""open-inference-openapi, which its authors generated from the protocol's own OpenAPI definition."""

from __future__ import annotations

import unittest

import numpy as np
from open_inference.openapi.client import InferenceRequest, OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.errors import BadRequestError, NotFoundError

from . import fixture, fraud


def question(rows: np.ndarray, **more: object) -> InferenceRequest:
    """The fraud model's request, whose data is nested."""
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist()}
    return InferenceRequest(inputs=[tensor], **more)


class OpenInference(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.client = OpenInferenceClient(base_url=fixture.proxy().url)
        cls.rows = fraud.rows()[:4]

    def test_health(self) -> None:
        self.client.check_server_liveness()
        self.client.check_server_readiness()
        self.client.check_model_readiness("fraud")
        self.client.check_model_version_readiness("fraud", "1")
        with self.assertRaises(NotFoundError):
            self.client.check_model_readiness("nobody")

    def test_metadata(self) -> None:
        self.assertTrue(self.client.read_server_metadata().name)
        model = self.client.read_model_metadata("fraud")
        self.assertEqual((model.name, model.versions), ("fraud", ["1"]))
        self.assertEqual([(tensor.name, tensor.datatype, tensor.shape) for tensor in model.inputs],
                         [("X", "FP32", [-1, fraud.FEATURES])])
        self.assertEqual(self.client.read_model_version_metadata("fraud", "1"), model)

    def test_infer(self) -> None:
        for answer in (self.client.model_infer("fraud", request=question(self.rows, id="four payments")),
                       self.client.model_version_infer("fraud", "1", request=question(self.rows, id="four payments"))):
            self.assertEqual((answer.id, answer.model_name), ("four payments", "fraud"))
            outputs = {output.name: output for output in answer.outputs}
            label, scores = outputs["label"], outputs["probabilities"]
            np.testing.assert_array_equal(label.data.dict()["__root__"], fraud.expected()[:4, 0])
            given = np.array(scores.data.dict()["__root__"]).reshape(scores.shape)
            np.testing.assert_allclose(given, fraud.expected()[:4, 1:], atol=1e-5)

    def test_errors(self) -> None:
        with self.assertRaises(BadRequestError) as caught:
            self.client.model_infer("fraud", request=question(self.rows[:, :29]))
        self.assertTrue(caught.exception.body["error"])
        # The definition lists no 404 here, so that the client has only its general error for it.
        with self.assertRaises(ApiError) as caught:
            self.client.model_infer("nobody", request=question(self.rows))
        self.assertEqual(caught.exception.status_code, 404)
        self.assertTrue(caught.exception.body["error"])
