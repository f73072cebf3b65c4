"""A bill of materials of the measured binary, and of an image: CycloneDX 1.6 (ECMA-424) in JSON, the same bytes every time."""

import argparse
import hashlib
import json
import sys
import uuid
from pathlib import Path

import eif
import graph

SPEC = "1.6"


def ref(crate):
    """Package URLs are of the registry; what is only here has a name of its own."""
    where = "workspace" if crate.ours else "pkg:cargo"
    return f"{where}/{crate.id.name}@{crate.id.version}"


def licences(crate):
    # Some crates still write the slash that meant "or" before SPDX expressions did.
    return [{"expression": crate.licence.replace("/", " OR ")}]


def component(crate):
    made = {
        "type": "library",
        "bom-ref": ref(crate),
        "name": crate.id.name,
        "version": crate.id.version,
        "scope": "required" if crate.linked else "excluded",
    }
    if crate.sha256:
        made["hashes"] = [{"alg": "SHA-256", "content": crate.sha256}]
    if crate.licence:
        made["licenses"] = licences(crate)
    if not crate.ours:
        made["purl"] = ref(crate)
    if crate.source:
        made["externalReferences"] = [{"type": "vcs", "url": crate.source}]
    if crate.traits:
        made["properties"] = [{"name": f"strongroom:{each}", "value": "true"} for each in crate.traits]
    return made


def digests(content):
    return [
        {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()},
        {"alg": "SHA-384", "content": hashlib.sha384(content).hexdigest()},
    ]


def part(kind, name, content, version=None):
    made = {"type": kind, "bom-ref": f"image/{name}", "name": name}
    if version:
        made["version"] = version
    return made | {"hashes": digests(content)}


def image_components(image):
    """What an image holds, and what made it, by the parts that it is measured from."""
    read = eif.Image(image)
    built = read.metadata.get("BuildMetadata", {})
    made = [
        part("operating-system", "kernel", read.kernel, built.get("KernelVersion")),
        part("data", "command line", read.cmdline),
    ]
    for number, disk in enumerate(read.ramdisks, start=1):
        made += [part("file", f"ramdisk {number}/{name}", content) for name, content in eif.files(disk)]
    # Measured through the binary: it is static.
    for name, version in sorted((read.metadata.get("CustomMetadata") or {}).items()):
        if name in ("rustc", "gcc", "libc6-dev"):
            scope = "required" if name == "libc6-dev" else "excluded"
            made.append({"type": "library" if scope == "required" else "application", "bom-ref": f"toolchain/{name}",
                         "name": name, "version": str(version), "scope": scope})
    return made


def bill(crates, image=None):
    crates = dict(sorted(crates.items()))
    root = next(crate for crate in crates.values() if crate.id.name == graph.PACKAGE)
    described = {"type": "application", "bom-ref": ref(root), "name": root.id.name, "version": root.id.version,
                 "licenses": licences(root)}
    components = [component(crate) for crate in crates.values() if crate is not root]
    dependencies = [
        {"ref": ref(crate), "dependsOn": sorted(ref(crates[needed]) for needed in crate.needs)} for crate in crates.values()
    ]
    if image is not None:
        parts = image_components(image)
        binary = {"ref": described["bom-ref"]}
        described = {"type": "firmware", "bom-ref": "image", "name": "strongroom enclave image", "version": root.id.version,
                     "hashes": digests(image)}
        program = component(root) | {"type": "application"}
        components = [program, *components, *parts]
        dependencies += [{"ref": "image", "dependsOn": sorted([binary["ref"], *(each["bom-ref"] for each in parts)])}]
        dependencies += [{"ref": each["bom-ref"], "dependsOn": []} for each in parts]
    made = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "scripts/sbom"}]},
            "component": described,
        },
        "components": components,
        "dependencies": dependencies,
    }
    # A name that follows from the content: the same bill, the same number.
    content = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    return made | {"serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{content}").urn}


def to_json(made):
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    text = to_json(bill(graph.load(), given.image.read_bytes() if given.image else None))
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
