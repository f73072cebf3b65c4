"""What a policy refuses comes out with the status that says why."""

from __future__ import annotations

import unittest

import numpy as np
import openai
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from . import fixture, fraud
from .curl import check_refusal, post


def request(rows: np.ndarray) -> dict:
    """The fraud model's request in JSON."""
    tensor = {"name": "X", "datatype": "FP32", "shape": list(rows.shape), "data": rows.reshape(-1).tolist()}
    return {"inputs": [tensor]}


class Limits(unittest.TestCase):
    def test_rows_unlike_the_models_data(self) -> None:
        url = f"{fixture.guarded_world().proxy('watched').url}/v2/models/fraud/infer"
        self.assertEqual(post(url, request(fraud.rows()[:1])).status, 200)
        unlike = np.full((1, fraud.FEATURES), 424242.5, np.float32)
        check_refusal(self, post(url, request(unlike)), 422)

    def test_a_rate_says_when_to_come_back(self) -> None:
        proxy = fixture.guarded_world().proxy("slow")
        url = f"{proxy.url}/v2/models/fraud/infer"
        self.assertEqual(post(url, request(fraud.rows()[:fixture.SLOW_ROWS])).status, 200)
        reply = post(url, request(fraud.rows()[:1]))
        check_refusal(self, reply, 429)
        self.assertTrue(1 <= int(reply.headers["retry-after"]) <= fixture.SLOW_SECONDS)
        # More than ever passes is the caller's to change: waiting does not help.
        check_refusal(self, post(url, request(fraud.rows()[:fixture.SLOW_ROWS + 1])), 400)
        with triton.InferenceServerClient(proxy.address) as client:
            self.assertEqual(self.status(client, triton), "429")
        with triton_grpc.InferenceServerClient(proxy.address) as client:
            self.assertEqual(self.status(client, triton_grpc), "StatusCode.RESOURCE_EXHAUSTED")
        with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="unused", max_retries=0) as client, \
                self.assertRaises(openai.RateLimitError):
            client.embeddings.create(model="embed", input=[1, 2])

    def test_a_key_that_may_not_infer(self) -> None:
        url = f"{fixture.guarded_world().proxy('operator').url}/v2/models/fraud/infer"
        check_refusal(self, post(url, request(fraud.rows()[:1])), 403)

    def test_a_key_that_nobody_listed(self) -> None:
        world = fixture.guarded_world()
        world.keys["stranger"] = fixture.stranger()
        try:
            proxy = world.proxy("stranger")
        except fixture.NotStarted as error:
            # Wrong from the start is said at once.
            self.assertIn("key", str(error))
            return
        check_refusal(self, post(f"{proxy.url}/v2/models/fraud/infer", request(fraud.rows()[:1])), 403)

    def status(self, client: triton.InferenceServerClient, kind: object) -> str:
        """The status of one row too many."""
        tensor = kind.InferInput("X", [1, fraud.FEATURES], "FP32")
        tensor.set_data_from_numpy(fraud.rows()[:1])
        with self.assertRaises(InferenceServerException) as caught:
            client.infer("fraud", [tensor])
        return caught.exception.status()
