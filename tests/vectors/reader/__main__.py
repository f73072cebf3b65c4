"""Judges every vector. Stops with exit code 1 at the first disagreement."""

import hashlib
import json
import sys
from pathlib import Path

from . import asked, attestation, audit, clear, owner, sealed, trust
from .cbor import Refused

FOLDER = Path(__file__).resolve().parents[1]
READERS = {
    "cbor": clear.cbor, "name": clear.names, "api-key": clear.api_key, "digest": clear.digests,
    "derived-key": clear.derived_key, "charter": owner.charter, "release": owner.release, "controls": owner.controls,
    "private-part": owner.private_part, "release-bundle": owner.bundle, "published-measurements": owner.published,
    "model-package": owner.model_package, "private-package": owner.private_package, "hello": clear.hello,
    "evidence": clear.evidence, "offers": clear.offers, "claims": clear.claims,
    "attestation-document": attestation.document, "judgement": attestation.judgement, "channel": sealed.channel,
    "record": sealed.record, "answer-size": sealed.answer_size, "opening": sealed.opening, "request": sealed.request,
    "answer": sealed.answer, "ask": asked.ask, "tensor": asked.tensor, "outcome": asked.outcome,
    "receipt": asked.receipt, "trust-file": trust.trust_file, "frame": clear.frame,
    "boot-documents": clear.boot_documents, "credentials": clear.credentials, "range": clear.ranges,
    "host-status": clear.status, "audit-opening": audit.opening, "audit-record": audit.record,
    "audit-checkpoint": audit.checkpoint, "audit-batch": audit.batch, "sealed-state": clear.state,
    "report": clear.report, "report-summary": clear.summary, "sealed-report": audit.report,
}


def same(stated, found):
    """Equal in kind and value; an integer is the same number as a float."""
    if isinstance(stated, dict) and isinstance(found, dict):
        return stated.keys() == found.keys() and all(same(value, found[key]) for key, value in stated.items())
    if isinstance(stated, list) and isinstance(found, list):
        return len(stated) == len(found) and all(map(same, stated, found))
    return isinstance(stated, bool) == isinstance(found, bool) and stated == found


def case_bytes(case):
    if "file" in case:
        path = FOLDER / case["file"]
        return path.read_bytes() if path.exists() else None
    then = case.get("then", {"byte": 0, "times": 0})
    return bytes.fromhex(case["bytes"]) + bytes([then["byte"]]) * then["times"]


def disagreement(read, given, case, data):
    try:
        found = read(given, data)
    except Refused as refused:
        return f"refused ({refused}), and has to be accepted" if case["valid"] else None
    if not case["valid"]:
        return f"accepted, and has to be refused: {case['reason']}"
    return None if same(case["fields"], found) else f"found {json.dumps(found)}, stated {json.dumps(case['fields'])}"


def sums():
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        stated, name = line.split("  ")
        if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != stated:
            return f"{name}: not the file of SHA256SUMS"
    return None


def main():
    positive = negative = 0
    fault = sums()
    files = {path.stem: path for path in FOLDER.glob("*.json") if path.stem != "keys"}
    if fault is None and files.keys() != READERS.keys():
        fault = f"files without a reader, or readers without a file: {sorted(files.keys() ^ READERS.keys())}"
    for name, path in sorted(files.items()):
        file = json.loads(path.read_text())
        for case in file["cases"]:
            data = case_bytes(case)
            if data is None:
                print(f"SKIPPED: {case['file']} is absent, so {case['name']} of {name} was not judged", file=sys.stderr)
                continue
            given = file.get("given", {}) | case.get("given", {})
            fault = fault or disagreement(READERS[name], given, case, data)
            if fault is not None:
                print(f"{name}, {case['name']}: {fault}", file=sys.stderr)
                return 1
            positive, negative = positive + case["valid"], negative + (not case["valid"])
    print(f"{positive} positive, {negative} negative: all agree")
    return 0


sys.exit(main())
