"""The OpenAI client, which asks for embeddings of token ids."""

from __future__ import annotations

import unittest

import numpy as np
import openai

from . import fixture, models

# Token ids of three texts, all of one length and of several.
TEXTS = [[3, 1, 4, 1], [5, 9], [2, 6, 5]]


def mean(tokens: list[int]) -> np.ndarray:
    """What `embed` makes of these tokens."""
    return models.table()[tokens].mean(axis=0)


class OpenAi(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.client = openai.OpenAI(base_url=f"{fixture.proxy().url}/v1", api_key="unused", max_retries=0)
        cls.addClassCleanup(cls.client.close)

    def test_models(self) -> None:
        listed = {model.id for model in self.client.models.list()}
        self.assertIn("embed", listed)
        self.assertEqual(self.client.models.retrieve("embed").id, "embed")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nobody")

    def test_one_text(self) -> None:
        # base64 is what the client asks for by itself.
        answer = self.client.embeddings.create(model="embed", input=TEXTS[0])
        self.assertEqual((len(answer.data), answer.model), (1, "embed"))
        np.testing.assert_allclose(answer.data[0].embedding, mean(TEXTS[0]), rtol=1e-5, atol=1e-6)
        self.assertEqual(answer.usage.prompt_tokens, 4)

    def test_several_texts_of_unlike_length(self) -> None:
        for encoding in ({}, {"encoding_format": "float"}):
            with self.subTest(**encoding):
                answer = self.client.embeddings.create(model="embed", input=TEXTS, **encoding)
                self.assertEqual([entry.index for entry in answer.data], [0, 1, 2])
                for entry, tokens in zip(answer.data, TEXTS):
                    np.testing.assert_allclose(entry.embedding, mean(tokens), rtol=1e-5, atol=1e-6)

    def test_base64_as_it_stands(self) -> None:
        answer = self.client.embeddings.create(model="embed", input=TEXTS[0], encoding_format="base64")
        self.assertIsInstance(answer.data[0].embedding, str)

    def test_errors(self) -> None:
        for error, model, given in (
            (openai.NotFoundError, "nobody", TEXTS),
            (openai.BadRequestError, "embed", "text, of which no token ids are known"),
            (openai.BadRequestError, "embed", []),
            (openai.BadRequestError, "embed", [[]]),
            (openai.BadRequestError, "fraud", TEXTS),
        ):
            with self.subTest(error=error.__name__, model=model), self.assertRaises(error) as caught:
                self.client.embeddings.create(model=model, input=given)
            self.assertTrue(caught.exception.message)

    def test_dimensions_that_the_model_does_not_have_are_refused(self) -> None:
        with self.assertRaises(openai.BadRequestError):
            self.client.embeddings.create(model="embed", input=TEXTS, dimensions=models.DIMENSIONS - 1)
