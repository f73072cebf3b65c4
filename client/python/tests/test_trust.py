"""Verification: what passes, what is refused and why, and that a refused enclave is sent nothing."""

from __future__ import annotations

import re
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

import strongroom

from . import fixture

# Really signed by AWS; see its README for the values.
DOCUMENTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "attestation"


def connect(trust: object, **more: object) -> strongroom.Client:
    world = fixture.open_world()
    return strongroom.connect(world.program.url, trust=trust, **{"api_key": f"@{world.state / 'api-key'}", **more})


def trust_text() -> str:
    return (fixture.open_world().state / "trust.toml").read_text()


class Enclaves(unittest.TestCase):
    def test_a_report_says_who_was_verified(self) -> None:
        report = fixture.client().verify()
        self.assertEqual(report.enclave["deployment"], "simulation")
        self.assertTrue(report.enclave["simulation"])
        self.assertEqual(len(report.enclave["models"]), 4)
        self.assertEqual({check.status for check in report.checks}, {"PASS", "SKIP"})
        self.assertIn("PASS chain", str(report))
        self.assertEqual(fixture.client().epochs, {"simulation": 1})

    def test_verification_alone_needs_no_key(self) -> None:
        client = connect(trust_text().encode(), api_key=None)
        self.assertTrue(client.verify().checks)
        with self.assertRaisesRegex(strongroom.UsageError, "api_key"):
            client.infer("fraud", {"X": fixture.rows(1)})

    def test_another_image_is_refused_before_anything_is_sent(self) -> None:
        register = re.compile(r'(pcr0 = ")([0-9a-f]{2})', re.IGNORECASE)
        other, changed = register.subn(lambda found: found[1] + ("00" if found[2] != "00" else "11"), trust_text())
        self.assertEqual(changed, 1)
        for call in (lambda: connect(other.encode()), lambda: connect(other.encode(), api_key=None).verify()):
            with self.assertRaises(strongroom.EvidenceError) as caught:
                call()
            self.assertEqual((caught.exception.exit_code, caught.exception.status), (11, 503))
        self.assertEqual([check.id for check in caught.exception.checks if check.status == "FAIL"], ["pcrs"])

    def test_an_older_release_than_was_seen_is_refused(self) -> None:
        with self.assertRaises(strongroom.EvidenceError) as caught:
            connect(trust_text().encode(), epochs={"simulation": 2})
        self.assertEqual(caught.exception.exit_code, 12)

    def test_a_key_that_nobody_listed_is_refused(self) -> None:
        with self.assertRaises(strongroom.RefusedError) as caught:
            connect(trust_text().encode(), api_key=fixture.stranger())
        self.assertEqual((caught.exception.exit_code, caught.exception.status), (30, 403))

    def test_wrong_arguments_are_named_and_not_repeated(self) -> None:
        trust = trust_text().encode()
        for named, call in [
            ("trust", lambda: connect(b"[image\nsecret")),
            ("trust", lambda: connect("/nowhere/trust.toml")),
            ("api_key", lambda: connect(trust, api_key="secret")),
            ("api_key", lambda: connect(trust, api_key="@/nowhere/key")),
            ("deadline_seconds", lambda: connect(trust, deadline_seconds=0)),
            ("deadline_seconds", lambda: connect(trust, deadline_seconds=float("inf"))),
            ("session_seconds", lambda: connect(trust, session_seconds=float("nan"))),
            ("epochs", lambda: connect(trust, epochs={"Not A Name": 1})),
            ("URL", lambda: strongroom.connect("secret", trust=trust, api_key=None)),
        ]:
            with self.assertRaisesRegex(strongroom.UsageError, named) as caught:
                call()
            self.assertNotIn("secret", str(caught.exception))
            self.assertEqual((caught.exception.exit_code, caught.exception.status), (2, 400))

    def test_a_key_where_a_path_belongs_is_not_repeated(self) -> None:
        key = "wJalrXUtn" * 5
        for named, call in [
            ("trust", lambda: connect("sr_" + key[:43])),
            ("api_key", lambda: connect(trust_text().encode(), api_key=Path("sr_" + key[:43]))),
            ("api_key", lambda: connect(trust_text().encode(), api_key="@keys/sra_" + key[:43])),
        ]:
            with self.assertRaisesRegex(strongroom.UsageError, f"{named}: a path that looks like a secret: ") as caught:
                call()
            self.assertNotIn("wJalr", str(caught.exception))

    def test_nobody_there_is_unreachable_and_a_connection_error(self) -> None:
        with self.assertRaises(ConnectionError) as caught:
            strongroom.connect("http://127.0.0.1:1", trust=trust_text().encode(), api_key="sr_" + "A" * 43,
                               deadline_seconds=5)
        self.assertEqual(caught.exception.exit_code, 40)


def register(document: bytes, index: int) -> str:
    """A register as the document states it: SHA-384, after its index in the map `pcrs` (CBOR, RFC 8949)."""
    at = document.index(bytes([index, 0x58, 48]), document.index(b"dpcrs")) + 3
    return document[at:at + 48].hex()


def stated(document: bytes, name: bytes) -> bytes:
    """A byte string of 32 that the document states under a name."""
    at = document.index(name + b"\x58\x20") + len(name) + 2
    return document[at:at + 32]


@unittest.skipUnless(DOCUMENTS.is_dir(), "the documents that AWS signed are not beside this checkout")
class Documents(unittest.TestCase):
    def setUp(self) -> None:
        self.document = (DOCUMENTS / "veracruz.bin").read_bytes()
        self.signed = datetime(2022, 11, 9, 22, 52, 1, tzinfo=timezone.utc)
        self.demands = {"pcrs": {0: register(self.document, 0)}, "nonce": stated(self.document, b"nonce"),
                        "user_data": stated(self.document, b"user_data"), "at": self.signed}

    def refused(self, document: bytes, **other: object) -> strongroom.EvidenceError:
        with self.assertRaises(strongroom.EvidenceError) as caught:
            strongroom.verify_document(document, **{**self.demands, **other})
        self.assertIn("FAIL", {check.status for check in caught.exception.checks})
        return caught.exception

    def test_a_document_of_aws_passes_every_check(self) -> None:
        report = strongroom.verify_document(self.document, **self.demands)
        passed = {check.id for check in report.checks if check.status == "PASS"}
        self.assertLessEqual({"chain", "signature", "debug-image", "pcrs", "time", "nonce", "user-data"}, passed)

    def test_registers_may_be_bytes(self) -> None:
        strongroom.verify_document(self.document, **{**self.demands, "pcrs": {0: bytes.fromhex(self.demands["pcrs"][0])}})

    def test_each_demand_that_is_not_met_has_its_exit_code(self) -> None:
        bad, debug = (DOCUMENTS / f"{name}.bin" for name in ("veracruz_badsig", "ev_debug"))
        codes = {
            10: [self.refused(bad.read_bytes()), self.refused(b"no document")],
            11: [self.refused(self.document, pcrs={0: "11" * 48})],
            12: [self.refused(self.document, nonce=b"another"), self.refused(self.document, at=self.signed + timedelta(hours=1))],
            13: [self.refused(debug.read_bytes(), at=datetime.fromtimestamp(1665582606, timezone.utc) + timedelta(seconds=1))],
            14: [self.refused(self.document, user_data=b"another")],
        }
        for code, errors in codes.items():
            for error in errors:
                self.assertEqual((error.exit_code, error.status), (code, 502), error)

    def test_a_check_is_skipped_by_name_alone(self) -> None:
        with self.assertRaises(TypeError):
            strongroom.verify_document(self.document, at=self.signed, pcrs=self.demands["pcrs"])
        skipped = {"nonce": strongroom.DANGEROUSLY_ANY, "user_data": strongroom.DANGEROUSLY_ANY}
        report = strongroom.verify_document(self.document, **{**self.demands, **skipped})
        self.assertEqual({check.id for check in report.checks if check.status == "SKIP"} & {"nonce", "user-data"},
                         {"nonce", "user-data"})

    def test_demands_that_nothing_meets_are_wrong_arguments(self) -> None:
        for other in ({"pcrs": {}}, {"pcrs": {0: "00" * 48}}, {"pcrs": {40: "11" * 48}}, {"pcrs": {0: "xy"}},
                      {"at": datetime(2022, 11, 9)}, {"max_age_seconds": -1.0}):
            with self.assertRaises(strongroom.UsageError):
                strongroom.verify_document(self.document, **{**self.demands, **other})
