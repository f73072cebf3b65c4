"""Tests of the record and of the bill of materials: on made trees, and on the real one."""

import hashlib
import json
import re
import struct
import unittest

import eif
import graph
import record
import sbom
from graph import Crate, Id


def made_tree():
    text = "\n".join([
        "0|strongroom-enclave v0.1.0 (/somewhere/enclave)", "1|one v1.0.0", "2|two v2.0.0 (proc-macro)", "3|three v3.0.0",
        "1|two v2.0.0 (proc-macro) (*)",
    ])
    crates = {}
    for this, needs in graph.parse_tree(text).items():
        ours = this.name.startswith("strongroom-")
        crates[this] = Crate(
            id=this, ours=ours, linked=this.name not in ("two", "three"), licence="MIT/Apache-2.0", source="https://example.org",
            sha256=None if ours else hashlib.sha256(this.name.encode()).hexdigest(), traits=[], needs=needs,
        )
    for crate in crates.values():
        for needed in crate.needs:
            crates[needed].needed_by.add(crate.id)
    return crates


class TheTree(unittest.TestCase):
    def test_a_crate_that_is_listed_again_keeps_what_it_needs(self):
        needs = {str(this): sorted(map(str, needed)) for this, needed in graph.parse_tree(
            "0|a v1.0.0\n1|b v1.0.0\n2|c v1.0.0\n1|d v1.0.0 (proc-macro)\n2|b v1.0.0 (*)\n").items()}
        self.assertEqual(needs, {"a 1.0.0": ["b 1.0.0", "d 1.0.0"], "b 1.0.0": ["c 1.0.0"], "c 1.0.0": [], "d 1.0.0": ["b 1.0.0"]})

    def test_another_form_of_line_is_an_error(self):
        with self.assertRaises(SystemExit):
            graph.parse_tree("a v1.0.0\n")

    def test_unsafe_code_is_told_from_words_about_it(self):
        for line in ["unsafe { x }", "pub unsafe fn f()", "unsafe impl Send for X {}"]:
            self.assertTrue(graph.UNSAFE.search(line), line)
        for line in ["#![forbid(unsafe_code)]", "it is not unsafe here"]:
            self.assertFalse(graph.UNSAFE.search(line), line)


class TheRecord(unittest.TestCase):
    def setUp(self):
        self.entries = record.computed(made_tree())
        written = record.merged({}, self.entries)
        for entry in written:
            if record.is_direct(entry):
                entry["why"] = "a reason"
        self.record = {"budget": record.counts(self.entries), "crate": written}

    def finding(self, words):
        found = record.findings(self.record, self.entries)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_whole_record_passes(self):
        self.assertEqual(record.findings(self.record, self.entries), [])
        self.assertEqual(record.counts(self.entries), {"linked": 1, "compiling": 2})

    def test_a_new_crate_fails(self):
        del self.record["crate"][1]
        self.finding("is not recorded")

    def test_one_that_is_gone_fails(self):
        self.record["crate"].append({"name": "four", "version": "4.0.0"})
        self.finding("no longer there")

    def test_another_checksum_fails(self):
        self.record["crate"][0]["sha256"] = "0" * 64
        self.finding("another sha256")

    def test_a_build_script_that_was_not_there_before_fails(self):
        self.entries[0]["traits"] = ["build-script"]
        self.finding("another traits")

    def test_a_reason_is_asked_for(self):
        self.record["crate"][0]["why"] = ""
        self.finding("nobody has said why")

    def test_a_review_without_notes_is_none(self):
        self.record["crate"][0]["review"] = "read"
        self.finding("nobody has noted")
        self.record["crate"][0]["review"] = "audited"
        self.finding("its review is one of")

    def test_the_budget_is_kept(self):
        self.record["budget"]["linked"] = 0
        self.finding("1 crates are linked, 0 are allowed")

    def test_what_people_wrote_stays_and_a_review_is_of_one_version(self):
        self.record["crate"][0] |= {"review": "read", "notes": "by somebody"}
        again = record.merged(self.record, self.entries)
        self.assertEqual(again, self.record["crate"])
        newer = [dict(entry, version="9.0.0") for entry in self.entries]
        self.assertEqual(record.merged(self.record, newer)[0]["why"], "a reason")
        self.assertEqual(record.merged(self.record, newer)[0]["review"], "recorded")

    def test_what_is_written_reads_back(self):
        import tomllib
        text = record.to_toml(self.record["budget"], self.record["crate"])
        self.assertEqual(tomllib.loads(text), self.record)


def made_image():
    def entry(name, content, mode=0o100644):
        numbers = [1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(f"{number:08X}".encode() for number in numbers) + name.encode() + b"\0"
        head += b"\0" * (-len(head) % 4)
        return head + content + b"\0" * (-len(content) % 4)

    disk = entry("etc", b"", 0o040755) + entry("init", b"a program") + entry("TRAILER!!!", b"", 0)
    metadata = {"BuildMetadata": {"KernelVersion": "6.1"}, "CustomMetadata": {"rustc": "1.95.0", "libc6-dev": "2.36"}}
    sections = [(1, b"a kernel"), (2, b"quiet"), (3, disk), (5, json.dumps(metadata).encode())]
    body, offsets, sizes = b"", [], []
    for kind, content in sections:
        offsets.append(eif.HEADER_BYTES + len(body))
        sizes.append(len(content))
        body += eif.SECTION.pack(kind, 0, len(content)) + content
    head = eif.BEGIN.pack(b".eif", 4, 0, 1 << 30, 2, 0, len(sections))
    pad = [0] * (32 - len(sections))
    head += struct.pack(">32Q", *offsets, *pad) + struct.pack(">32Q", *sizes, *pad) + b"\0" * 8
    assert len(head) == eif.HEADER_BYTES
    return head + body


class TheBill(unittest.TestCase):
    def check(self, bill):
        """What the schema of CycloneDX 1.6 asks of the fields that are used here, and that every reference leads somewhere."""
        self.assertEqual((bill["bomFormat"], bill["specVersion"], bill["version"]), ("CycloneDX", "1.6", 1))
        self.assertRegex(bill["serialNumber"], r"^urn:uuid:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
        every = [bill["metadata"]["component"], *bill["components"]]
        refs = [each["bom-ref"] for each in every]
        self.assertEqual(len(refs), len(set(refs)), "a reference stands twice")
        for each in every:
            self.assertIn(each["type"], ("application", "library", "operating-system", "file", "data", "firmware"))
            self.assertTrue(each["name"])
            self.assertIn(each.get("scope", "required"), ("required", "excluded"))
            for digest in each.get("hashes", []):
                length = {"SHA-256": 64, "SHA-384": 96}[digest["alg"]]
                self.assertRegex(digest["content"], f"^[0-9a-f]{{{length}}}$")
            for licence in each.get("licenses", []):
                self.assertRegex(licence["expression"], r"^[A-Za-z0-9.+\-() ]+$")
            if "purl" in each:
                self.assertEqual(each["purl"], f"pkg:cargo/{each['name']}@{each['version']}")
                self.assertTrue(each["hashes"], "what comes from the registry has a checksum")
        stated = [each["ref"] for each in bill["dependencies"]]
        self.assertEqual(len(stated), len(set(stated)))
        for each in bill["dependencies"]:
            self.assertLessEqual({each["ref"], *each["dependsOn"]}, set(refs))
            self.assertEqual(each["dependsOn"], sorted(set(each["dependsOn"])))
        # Whatever is there, somebody needs: from the top everything can be reached but tools of the build.
        needs, seen, left = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}, set(), [refs[0]]
        while left:
            this = left.pop()
            if this not in seen:
                seen.add(this)
                left += needs.get(this, [])
        self.assertEqual(set(refs) - seen, set())

    def test_a_made_tree(self):
        bill = sbom.bill(made_tree())
        self.check(bill)
        self.assertEqual([each["scope"] for each in bill["components"]], ["required", "excluded", "excluded"])
        self.assertEqual(bill["components"][0]["licenses"], [{"expression": "MIT OR Apache-2.0"}])

    def test_an_image_adds_its_parts(self):
        image = made_image()
        bill = sbom.bill(made_tree(), image)
        self.check(bill)
        parts = {each["name"]: each for each in bill["components"]}
        self.assertEqual(bill["metadata"]["component"]["hashes"][0]["content"], hashlib.sha256(image).hexdigest())
        self.assertEqual(parts["kernel"]["hashes"][1]["content"], hashlib.sha384(b"a kernel").hexdigest())
        self.assertEqual(parts["kernel"]["version"], "6.1")
        self.assertEqual(parts["ramdisk 1/init"]["hashes"][0]["content"], hashlib.sha256(b"a program").hexdigest())
        self.assertNotIn("ramdisk 1/etc", parts)
        self.assertEqual(parts["libc6-dev"]["version"], "2.36")

    def test_what_is_no_image_is_refused(self):
        for wrong in [b"x" * 1000, made_image()[:-3]]:
            with self.assertRaises((SystemExit, json.JSONDecodeError)):
                sbom.bill(made_tree(), wrong)

    def test_the_real_tree_twice(self):
        crates = graph.load()
        bill = sbom.bill(crates)
        self.check(bill)
        self.assertEqual(sbom.to_json(bill), sbom.to_json(sbom.bill(graph.load())), "the same every time")
        names = {each["name"] for each in bill["components"] if each["scope"] == "required"}
        self.assertLessEqual({"ring", "tokio", "tract-onnx", "strongroom-seal"}, names)
        self.assertFalse({"axum", "clap", "rusqlite"} & names, "crates of the host or the commands")
        self.assertFalse(re.search(str(graph.ROOT), sbom.to_json(bill)), "a path of this machine")


if __name__ == "__main__":
    unittest.main()
