"""The record of the crates inside the enclave: is it that of the tree, and has everything that people have to say been said?"""

import json
import sys
import tomllib

import graph

FILE = graph.ROOT / "supply-chain" / "enclave.toml"

HEAD = """\
# The crates that the measured binary is built from, written by `scripts/supply-chain --write` and compared in every run.
# `why` and `review` are people's; everything else is cargo's. README.md says what each means.
"""

# What the tree decides, in the order in which it is written.
COMPUTED = ("name", "version", "sha256", "licence", "source", "part", "traits", "needed_by")
REVIEWS = ("recorded", "read")


def computed(crates):
    """An entry for each crate that is not ours."""
    entries = []
    for crate in crates.values():
        if crate.ours:
            continue
        entries.append({
            "name": crate.id.name,
            "version": crate.id.version,
            "sha256": crate.sha256 or "",
            "licence": crate.licence,
            "source": crate.source,
            "part": "linked" if crate.linked else "compiling",
            "traits": crate.traits,
            "needed_by": sorted({each.name for each in crate.needed_by}),
        })
    return entries


def is_direct(entry):
    """Whether a manifest of ours names it."""
    return any(name.startswith("strongroom-") for name in entry["needed_by"])


def key(entry):
    return entry["name"], entry["version"]


def counts(entries):
    linked = sum(entry["part"] == "linked" for entry in entries)
    return {"linked": linked, "compiling": len(entries) - linked}


def findings(record, entries):
    """What is wrong, a sentence each."""
    found, recorded, actual = [], {key(each): each for each in record.get("crate", [])}, {key(each): each for each in entries}
    for each in sorted(actual.keys() - recorded.keys()):
        found.append(f"{' '.join(each)} is not recorded")
    for each in sorted(recorded.keys() - actual.keys()):
        found.append(f"{' '.join(each)} is recorded and no longer there")
    for each in sorted(actual.keys() & recorded.keys()):
        said, name = recorded[each], " ".join(each)
        changed = [field for field in COMPUTED if said.get(field) != actual[each][field]]
        if changed:
            found.append(f"{name} is recorded with another {', '.join(changed)}")
        if is_direct(actual[each]) and not said.get("why"):
            found.append(f"{name}: nobody has said why it is there")
        if not actual[each]["sha256"]:
            found.append(f"{name} has no checksum: it is not from the registry")
        if said.get("review") not in REVIEWS:
            found.append(f"{name}: its review is one of {', '.join(REVIEWS)}")
        if said.get("review") == "read" and not said.get("notes"):
            found.append(f"{name} was read, and nobody has noted by whom and what came of it")
    budget = record.get("budget", {})
    for part, count in counts(entries).items():
        if count > budget.get(part, 0):
            found.append(f"{count} crates are {part}, {budget.get(part, 0)} are allowed: drop one, or raise the budget and say why")
    return found


def merged(record, entries):
    """The tree's entries with what people said before, of the same crate whatever its version. A review is of one version."""
    reasons = {each["name"]: each.get("why", "") for each in record.get("crate", [])}
    reviews = {key(each): each for each in record.get("crate", [])}
    written = []
    for entry in entries:
        entry, before = dict(entry), reviews.get(key(entry), {})
        if is_direct(entry) or reasons.get(entry["name"]):
            entry["why"] = reasons.get(entry["name"], "")
        entry["review"] = before.get("review", "recorded")
        if before.get("notes"):
            entry["notes"] = before["notes"]
        written.append(entry)
    return written


def to_toml(budget, entries):
    # Strings and lists of strings look the same in TOML as in JSON.
    text = HEAD + "\n[budget]\n" + "".join(f"{part} = {budget[part]}\n" for part in ("linked", "compiling"))
    for entry in entries:
        text += "\n[[crate]]\n" + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in entry.items())
    return text


def read():
    if not FILE.exists():
        return {}
    with open(FILE, "rb") as file:
        return tomllib.load(file)


def summary(entries, budget):
    count = counts(entries)
    direct = sum(is_direct(entry) for entry in entries)
    unsafe = sum("unsafe" in entry["traits"] for entry in entries if entry["part"] == "linked")
    return (
        f"{count['linked']} crates of others are linked into the enclave (budget {budget.get('linked', 0)}), "
        f"{count['compiling']} more run while it is compiled (budget {budget.get('compiling', 0)}); "
        f"{direct} are named by manifests of ours; {unsafe} of the linked ones have unsafe code"
    )


def main(arguments):
    record, entries = read(), computed(graph.load())
    if arguments == ["--write"]:
        budget = record.get("budget") or counts(entries)
        FILE.write_text(to_toml(budget, merged(record, entries)), encoding="utf-8")
        record = read()
    print(summary(entries, record.get("budget", {})))
    found = findings(record, entries)
    if found:
        raise SystemExit("\n".join(["supply-chain/enclave.toml:", *found, "look at what is new, then scripts/supply-chain --write"]))


if __name__ == "__main__":
    main(sys.argv[1:])
