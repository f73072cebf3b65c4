"""The OCI image, built of tiny programs: the same bytes twice, and nothing in it that is not meant to be."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from common import ROOT

BUILD = ROOT / "scripts" / "build-oci"
# Every path of the image, with its mode.
EXPECTED = {
    "dev": "d755",
    "etc": "d755",
    "etc/group": "f644",
    "etc/nsswitch.conf": "f644",
    "etc/passwd": "f644",
    "etc/strongroom": "d755",
    "etc/strongroom-tls": "d755",
    "proc": "d755",
    "run": "d755",
    "run/nitro_enclaves": "d755",
    "sys": "d755",
    "usr": "d755",
    "usr/bin": "d755",
    "usr/bin/nitro-cli": "f755",
    "usr/bin/strongroom-host": "f755",
    "usr/lib": "d755",
    "usr/lib/strongroom": "d755",
    "usr/lib/strongroom/strongroom.eif": "f644",
    "var": "d755",
    "var/log": "d755",
    "var/log/nitro_enclaves": "d755",
    "var/run": "l777",
}


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def contents(folder):
    """Every path below a folder with its kind and mode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode & 0o777
        kind = "l" if path.is_symlink() else "d" if path.is_dir() else "f"
        found[str(path.relative_to(folder))] = f"{kind}{mode:o}"
    return found


@unittest.skipUnless(shutil.which("umoci") and shutil.which("skopeo"), "needs umoci and skopeo")
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = pathlib.Path(cls.folder.name)
        source = cls.work / "tiny.c"
        source.write_text("int main(void) { return 0; }\n")
        for name, flags in (("host", ["-static", "-O1"]), ("nitro-cli", ["-static", "-O0"]), ("dynamic", [])):
            run(os.environ.get("CC", "cc"), *flags, "-o", cls.work / name, source, check=True)
        (cls.work / "image.eif").write_bytes(b".eif" + bytes(4096))
        cls.digest = cls.build("one", check=True).stdout.strip()

    @classmethod
    def build(cls, output, host="host", eif="image.eif", check=False, **options):
        parts = ("--host", cls.work / host, "--eif", cls.work / eif, "--nitro-cli", cls.work / "nitro-cli")
        return run(BUILD, *parts, "--output", cls.work / output, check=check, **options)

    def test_the_same_files_give_the_same_digest(self):
        self.assertRegex(self.digest, "^sha256:[0-9a-f]{64}$")
        # Another second, another time zone, another mask, other times of the files.
        time.sleep(1.1)
        os.utime(self.work / "host")
        again = self.build("again", check=True, env={**os.environ, "TZ": "Asia/Tokyo"}, umask=0o077)
        self.assertEqual(again.stdout.strip(), self.digest)

    def test_another_file_gives_another_digest(self):
        (self.work / "other.eif").write_bytes(b".eif" + bytes(4097))
        other = self.build("other", eif="other.eif", check=True).stdout.strip()
        self.assertNotEqual(other, self.digest)

    def test_skopeo_reads_it(self):
        layout = f"oci:{self.work}/one:latest"
        self.assertEqual(run("skopeo", "inspect", "--format", "{{.Digest}}", layout, check=True).stdout.strip(), self.digest)
        config = json.loads(run("skopeo", "inspect", "--config", layout, check=True).stdout)
        self.assertEqual((config["os"], config["architecture"]), ("linux", "amd64"))
        self.assertEqual(config["config"]["User"], "65532:65532")
        self.assertEqual(config["config"]["Entrypoint"], ["/usr/bin/strongroom-host"])
        self.assertNotIn("Env", config["config"])
        self.assertNotIn("Cmd", config["config"])

    def test_umoci_unpacks_exactly_what_is_meant_to_be_there(self):
        bundle = self.work / "bundle"
        run("umoci", "unpack", "--rootless", "--image", f"{self.work}/one:latest", bundle, check=True)
        rootfs = bundle / "rootfs"
        self.assertEqual(contents(rootfs), EXPECTED)
        self.assertEqual(os.readlink(rootfs / "var/run"), "../run")
        self.assertEqual((rootfs / "usr/bin/strongroom-host").read_bytes(), (self.work / "host").read_bytes())
        self.assertIn("strongroom:x:65532:65532:", (rootfs / "etc/passwd").read_text())

    def test_what_cannot_work_is_refused_by_name(self):
        for what, options, word in (
            ("a host that wants libraries", {"host": "dynamic"}, "--host"),
            ("a host that is no program", {"host": "tiny.c"}, "--host"),
            ("an image that is none", {"eif": "tiny.c"}, "--eif"),
            ("a file that is not there", {"eif": "absent"}, "absent"),
        ):
            with self.subTest(what):
                done = self.build("refused", **options)
                self.assertEqual(done.returncode, 1)
                self.assertIn(word, done.stderr)
                self.assertFalse((self.work / "refused").exists())

    def test_nothing_is_overwritten(self):
        done = self.build("one")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there already", done.stderr)


if __name__ == "__main__":
    unittest.main()
