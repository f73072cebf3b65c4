"""What cargo says of the crates that the measured binary is built from.

`cargo tree` decides who is in it, because it resolves the features of this one package, as an image is built; `cargo metadata`,
which knows only those of the whole workspace, describes each one; the lock file has the checksums.
"""

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "strongroom-enclave"
TARGET = "x86_64-unknown-linux-gnu"

# Linked into the binary; macros run in the compiler.
LINKED = "normal,no-proc-macro"
# Whatever is compiled for it, build scripts and macros among it.
COMPILED = "normal,build"

LINE = re.compile(r"^(?P<depth>\d+)\|(?P<name>\S+) v(?P<version>\S+)(?: \([^)]*\))*(?: \(\*\))?$")
UNSAFE = re.compile(r"\bunsafe\b\s*(?:\{|fn\b|impl\b|extern\b|trait\b)")
COMMENT = re.compile(r"^\s*//")


@dataclass(frozen=True, order=True)
class Id:
    name: str
    version: str

    def __str__(self):
        return f"{self.name} {self.version}"


@dataclass
class Crate:
    id: Id
    ours: bool
    linked: bool
    licence: str
    source: str
    sha256: str | None
    traits: list[str]
    needs: set[Id] = field(default_factory=set)
    needed_by: set[Id] = field(default_factory=set)


def cargo(*arguments):
    # A child of cargo test is told of another build's settings; they are no business of this one.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_PKG")}
    done = subprocess.run(["cargo", *arguments, "--locked"], cwd=ROOT, env=kept, text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"cargo {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def parse_tree(text):
    """Who needs whom: {id: ids}. A crate that cargo lists again stands there without what it needs."""
    needs, path = {}, []
    for line in text.splitlines():
        found = LINE.match(line)
        if not found:
            raise SystemExit(f"cargo tree prints a line of another form: {line!r}")
        depth, this = int(found["depth"]), Id(found["name"], found["version"])
        needs.setdefault(this, set())
        del path[depth:]
        if path:
            needs[path[-1]].add(this)
        path.append(this)
    return needs


def tree(edges):
    return parse_tree(cargo(
        "tree", "--package", PACKAGE, "--target", TARGET, "--edges", edges, "--prefix", "depth", "--format", "|{p}",
    ))


def checksums():
    with open(ROOT / "Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    return {Id(each["name"], each["version"]): each.get("checksum") for each in locked}


def traits(package):
    kinds = {kind for target in package["targets"] for kind in target["kind"]}
    folder = Path(package["manifest_path"]).parent
    found = []
    if "custom-build" in kinds:
        found.append("build-script")
    if package["links"]:
        found.append("links")
    if "proc-macro" in kinds:
        found.append("macro")
    if any(has_unsafe(file) for file in sorted((folder / "src").rglob("*.rs"))):
        found.append("unsafe")
    return found


def has_unsafe(file):
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(UNSAFE.search(line) and not COMMENT.match(line) for line in lines)


def load():
    """Every crate, by id."""
    linked, compiled = tree(LINKED), tree(COMPILED)
    described = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    described = {Id(each["name"], each["version"]): each for each in described}
    locked, crates = checksums(), {}
    for this in sorted(compiled):
        package = described[this]
        ours = package["source"] is None
        crates[this] = Crate(
            id=this, ours=ours, linked=this in linked, licence=package["license"] or "", source=package["repository"] or "",
            sha256=locked[this], traits=traits(package), needs=compiled[this],
        )
    for crate in crates.values():
        for needed in crate.needs:
            crates[needed].needed_by.add(crate.id)
    return crates
