"""What the runner computes by itself: ratios, turns, tables, bodies of plain peers."""

from __future__ import annotations

import json
import math
import unittest

import numpy as np

from . import report
from .models import tensor
from .peers import tensors
from .results import Results, Row
from .statistics import ratio, rounds


class Statistics(unittest.TestCase):
    def test_a_ratio_is_taken_within_a_round(self) -> None:
        # The second round was twice as slow for both.
        found = ratio([10, 20, 11], [5, 10, 5])
        self.assertEqual((found.median, found.least, found.most), (2, 2, 2.2))
        self.assertTrue(math.isnan(ratio([1], [0]).median))

    def test_contenders_take_turns_in_an_order_that_alternates(self) -> None:
        order: list[str] = []
        measured = rounds({name: lambda name=name: order.append(name) or name for name in "ab"}, 3)
        self.assertEqual("".join(order), "abbaab")
        self.assertEqual(measured, {"a": ["a"] * 3, "b": ["b"] * 3})


class Report(unittest.TestCase):
    def test_numbers_have_three_digits_that_mean_something(self) -> None:
        for value, text in ((1234.5, "1,234"), (0.01234, "0.0123"), (9.999, "10.00"), (12.34, "12.3"), (0, "0")):
            self.assertEqual(report.number(value), text)

    def test_a_row_has_its_ratio_and_a_refusal_its_reason(self) -> None:
        results = Results()
        results.compare("f", "what", "us", [2, 4], "peer", [1, 2])
        results.refuse("f", "model", "why")
        lines = [report.line(row) for row in results.rows]
        self.assertEqual(lines[0], "| what | 3.00 | us | peer | 1.50 | **2.00** | 2.00 to 2.00 |\n")
        self.assertEqual(lines[1], "| model | refused: why | | | | | |\n")

    def test_points_of_one_contender_make_one_curve(self) -> None:
        results = Results()
        results.point("p", "ours", 1, 2)
        results.point("p", "ours", 3, 4)
        self.assertEqual([(curve.x, curve.y) for curve in results.curves], [([1, 3], [2, 4])])
        json.dumps(results.as_json())
        self.assertEqual(results.rows, list[Row]())


class Bodies(unittest.TestCase):
    def test_a_request_reads_the_same_in_both_forms(self) -> None:
        array = np.array([[1.5, -2]], np.float32)
        inputs = [tensor("x", array)]
        plain = tensors.read(json.dumps({"inputs": inputs}).encode())
        np.testing.assert_array_equal(plain["x"], array)
        head = [{**inputs[0], "parameters": {"binary_data_size": array.nbytes}}]
        text = json.dumps({"inputs": head}).encode()
        np.testing.assert_array_equal(tensors.read(text + array.tobytes(), len(text))["x"], array)

    def test_an_answer_has_its_types(self) -> None:
        arrays = [np.array([1], np.int64), np.array([[0.5]], np.float32)]
        written = tensors.json_outputs(["label", "share"], arrays)
        self.assertEqual([output["datatype"] for output in written], ["INT64", "FP32"])
        outputs, tail = tensors.binary_outputs(["label", "share"], arrays)
        self.assertEqual(len(tail), sum(output["parameters"]["binary_data_size"] for output in outputs))


if __name__ == "__main__":
    unittest.main()
