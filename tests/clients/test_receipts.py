"""The receipts that a proxy keeps."""

from __future__ import annotations

import base64
import shutil
import subprocess
import unittest

from . import fixture, fraud
from .curl import post
from .test_limits import request

# Answers of which a receipt is kept.
ANSWERS = 3


class Receipts(unittest.TestCase):
    def test_every_answer_leaves_a_receipt_that_verifies(self) -> None:
        kept = fixture.folder() / "kept"
        world = fixture.guarded_world()
        proxy = world.proxy("watched", ("--keep-receipts", str(kept)))
        self.addCleanup(proxy.stop)
        url = f"{proxy.url}/v2/models/fraud/infer"
        replies = [post(url, request(fraud.rows()[at:at + 1])) for at in range(ANSWERS)]
        unlike = fraud.rows()[:1] * 0 + 424242.5
        self.assertEqual(post(url, request(unlike)).status, 422)
        receipts, evidence = sorted(kept.glob("*.receipt")), list(kept.glob("*.evidence"))
        # That of the refusal is kept, and that of the session's opening.
        self.assertEqual((len(receipts), len(evidence)), (ANSWERS + 2, 1))
        given = {base64.b64decode(reply.headers["strongroom-receipt"]) for reply in replies}
        self.assertLess(given, {receipt.read_bytes() for receipt in receipts})
        for receipt in receipts:
            command = [fixture.binary("strongroom"), "receipt", "verify", receipt, "--evidence", evidence[0],
                       "--trust", world.state / "trust.toml"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=fixture.START_SECONDS, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(proxy.stop(), 0)

    def test_what_cannot_be_kept_is_said(self) -> None:
        with self.assertRaises(fixture.NotStarted):
            fixture.open_world().proxy(arguments=("--keep-receipts", "/proc/none/receipts"))
        kept = fixture.folder() / "lost"
        proxy = fixture.open_world().proxy(arguments=("--keep-receipts", str(kept)))
        self.addCleanup(proxy.stop)
        shutil.rmtree(kept)
        kept.write_text("a file, and no folder", encoding="ascii")
        url = f"{proxy.url}/v2/models/fraud/infer"
        for at in range(ANSWERS):
            self.assertEqual(post(url, request(fraud.rows()[at:at + 1])).status, 200)
        self.assertEqual(proxy.log.read_text(encoding="utf-8").count("a receipt is not kept"), 1)
        self.assertNotEqual(proxy.stop(), 0)
