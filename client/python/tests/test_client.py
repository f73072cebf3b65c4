"""The blocking client: arrays in and out, what is described, and what a client may be asked."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import strongroom

from . import fixture

# What tests/clients/models.py makes: the inputs `in_NAME` of `types`.
SAMPLES = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "FP16": np.array([[0.5, -65504]], np.float16),
    "FP32": np.array([[0.1, -3e38]], np.float32),
    "FP64": np.array([[0.1, -1e300]], np.float64),
    "BYTES": np.array([[b"", "gr\u00fc\u00df".encode()]], object),
}


def inputs() -> dict[str, np.ndarray]:
    return {f"in_{name}": array for name, array in SAMPLES.items()}


class Arrays(unittest.TestCase):
    def test_every_datatype_comes_back_as_it_went(self) -> None:
        answer = fixture.client().infer("types", inputs())
        for name, sent in SAMPLES.items():
            given = answer[f"out_{name}"]
            np.testing.assert_array_equal(given, sent, name)
            self.assertEqual(given.dtype, sent.dtype, name)
            self.assertTrue(given.flags.writeable, name)

    def test_lists_take_the_datatypes_of_the_model(self) -> None:
        lists = {name: array.tolist() for name, array in inputs().items()}
        answer = fixture.client().infer("types", lists)
        for name, sent in SAMPLES.items():
            np.testing.assert_array_equal(answer[f"out_{name}"], sent, name)

    def test_lists_are_not_made_to_fit(self) -> None:
        for name, wrong in (("INT64", 1.7), ("INT64", "3"), ("UINT8", 300), ("BOOL", 2), ("FP32", True), ("FP32", "1")):
            with self.subTest(name=name, wrong=wrong), self.assertRaises(strongroom.UsageError) as caught:
                fixture.client().infer("types", {**inputs(), f"in_{name}": [[wrong, wrong]]})
            self.assertIn(f"in_{name}", str(caught.exception))

    def test_layout_and_byte_order_do_not_matter(self) -> None:
        turned = {name: np.asfortranarray(np.repeat(array, 3, axis=0)[::-1]) for name, array in inputs().items()}
        turned["in_INT32"] = turned["in_INT32"].astype(">i4")
        turned["in_FP64"] = turned["in_FP64"].astype(">f8")
        answer = fixture.client().infer("types", turned)
        for name in SAMPLES:
            np.testing.assert_array_equal(answer[f"out_{name}"], turned[f"in_{name}"], name)

    def test_texts_are_sent_as_utf_8(self) -> None:
        texts = {**inputs(), "in_BYTES": np.array([["gr\u00fc\u00df", "x"]])}
        given = fixture.client().infer("types", texts)["out_BYTES"]
        self.assertEqual(given.tolist(), [["gr\u00fc\u00df".encode(), b"x"]])

    def test_an_array_of_another_type_is_refused_and_never_converted(self) -> None:
        with self.assertRaises(strongroom.RefusedError) as caught:
            fixture.client().infer("fraud", {"X": fixture.rows(1).astype(np.float64)})
        self.assertEqual((caught.exception.status, caught.exception.exit_code), (400, 30))
        self.assertIn("FP32", str(caught.exception))

    def test_what_is_no_array_is_named_and_not_repeated(self) -> None:
        for wrong in ([[0.5], [1, 2]], "secret", [["secret"] * 30], np.array(["2026-11-26"], "M8[D]"), np.array([{}], object)):
            with self.assertRaises(strongroom.UsageError) as caught:
                fixture.client().infer("fraud", {"X": wrong})
            self.assertIn("'X'", str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))
            self.assertEqual(caught.exception.exit_code, 2)

    def test_no_rows_are_rows(self) -> None:
        empty = {name: array[:0] for name, array in inputs().items()}
        try:
            answer = fixture.client().infer("types", empty)
        except strongroom.RefusedError as refused:
            # The engine runs no empty batch; what matters is that the reason is told.
            self.assertEqual(refused.status, 400)
        else:
            self.assertEqual(answer["out_FP32"].shape, (0, 2))

    def test_64_mib_come_back(self) -> None:
        wide = np.arange(16 * 1024 * 1024, dtype=np.float32).reshape(16, 1024 * 1024)
        name = fixture.client().model("wide").info.inputs[0].name
        [given] = fixture.client().infer("wide", {name: wide}).values()
        np.testing.assert_array_equal(given, wide)


class Asking(unittest.TestCase):
    def test_only_the_wanted_outputs_come(self) -> None:
        answer = fixture.client().infer("fraud", {"X": fixture.rows(3)}, outputs=["probabilities"])
        self.assertEqual(list(answer), ["probabilities"])
        self.assertEqual(answer["probabilities"].shape, (3, 2))
        self.assertEqual((answer.model, answer.version), ("fraud", "1"))

    def test_a_model_is_described_and_asked_by_itself(self) -> None:
        models = {model.name: model for model in fixture.client().models()}
        self.assertEqual(set(models), {"fraud", "types", "wide", "embed"})
        self.assertEqual(models["fraud"].inputs, (strongroom.TensorInfo("X", "FP32", (None, 30)),))
        self.assertEqual(models["fraud"].inputs[0].dtype, np.float32)
        model = fixture.client().model("fraud", models["fraud"].versions[0])
        self.assertEqual(model.infer({"X": [[0.5] * 30]})["label"].shape, (1,))

    def test_a_model_that_is_none_is_said_to_be_none(self) -> None:
        with self.assertRaises(strongroom.UsageError):
            fixture.client().model("none")
        with self.assertRaises(strongroom.UsageError):
            fixture.client().model("No Name")
        for wrong in ({"X": fixture.rows(1)}, {"X": [[1.0]]}):
            with self.assertRaises(strongroom.StrongroomError) as caught:
                fixture.client().infer("none", wrong)
            self.assertEqual(caught.exception.status, 404)

    def test_answers_do_not_mix_between_threads(self) -> None:
        def ask(seed: int) -> None:
            sent = fixture.rows(4, seed)
            alone, again = (fixture.client().infer("fraud", {"X": sent})["probabilities"] for _ in range(2))
            np.testing.assert_array_equal(alone, again)
            self.assertEqual(len(alone), 4)

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(ask, range(64)))

    def test_other_threads_run_while_one_waits(self) -> None:
        # The lock of the interpreter is free while an answer is awaited.
        ticks, done = 0, threading.Event()

        def ask() -> None:
            wide = np.zeros((16, 1024 * 1024), np.float32)
            fixture.client().infer("wide", {fixture.client().model("wide").info.inputs[0].name: wide})
            done.set()

        thread = threading.Thread(target=ask)
        thread.start()
        while not done.wait(0.005):
            ticks += 1
        thread.join()
        self.assertGreater(ticks, 3)

    def test_a_receipt_is_kept_and_verified_elsewhere(self) -> None:
        answer = fixture.client().infer("fraud", {"X": fixture.rows(1)})
        self.assertEqual(answer.receipt.fields["epoch"], 1)
        self.assertLess(abs(answer.receipt.time.timestamp() - __import__("time").time()), 600)
        with tempfile.TemporaryDirectory() as made:
            receipt, evidence = answer.receipt.save(Path(made) / "kept")
            answer.receipt.save(Path(made) / "kept")
            self.assertEqual(receipt.stat().st_mode & 0o777, 0o600)
            trust = fixture.open_world().state / "trust.toml"
            command = [fixture.binary("strongroom"), "receipt", "verify", "--evidence", evidence, "--trust", trust, receipt]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_operators_ask_how_the_enclave_does(self) -> None:
        world = fixture.guarded_world()
        with strongroom.connect(world.program.url, **fixture.arguments(world, "operator")) as operator:
            self.assertEqual(operator.status()["epoch"], 1)
        with self.assertRaises(strongroom.RefusedError) as caught:
            fixture.client().status()
        self.assertEqual(caught.exception.status, 403)


class Ending(unittest.TestCase):
    def test_a_closed_client_says_so(self) -> None:
        world = fixture.open_world()
        with strongroom.connect(world.program.url, **fixture.arguments(world)) as client:
            pass
        for call in (client.verify, client.models, lambda: client.infer("fraud", {}), lambda: client.epochs):
            with self.assertRaisesRegex(strongroom.UsageError, "closed"):
                call()

    def test_nothing_secret_is_shown(self) -> None:
        world = fixture.open_world()
        key = (world.state / "api-key").read_text().strip()
        with strongroom.connect(world.program.url, trust=world.state / "trust.toml", api_key=key) as client:
            for shown in (repr(client), repr(client.__dict__), str(client)):
                self.assertNotIn(key[3:], shown)
