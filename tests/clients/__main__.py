"""Runs the tests with other people's clients: `python -m clients [--only NAME]… [ARGUMENT…]`."""

from __future__ import annotations

import signal
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent

# kserve and tritonclient define the same messages of gRPC, which one process cannot hold twice.
ALONE = "kserve"


def found() -> dict[str, str]:
    """Modules of tests by short name."""
    return {path.stem.removeprefix("test_"): f"{HERE.name}.{path.stem}" for path in sorted(HERE.glob("test_*.py"))}


def run(names: list[str], arguments: list[str]) -> tuple[int, int, int]:
    """Runs modules in this process: how many tests passed, failed and were skipped."""
    tests = [found()[name] for name in names]
    result = unittest.main(module=None, argv=["clients", *arguments, *tests], exit=False).result
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    return max(result.testsRun - failed - skipped, 0), failed, skipped


def run_apart(name: str, arguments: list[str]) -> tuple[int, int, int]:
    """Runs one module in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", HERE.name, "--only", name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    *said, last = done.stdout.splitlines() or [""]
    print("\n".join(said), flush=True)
    counts = [int(word) for word in last.split() if word.isdigit()]
    return tuple(counts) if len(counts) == 3 else (0, 1, 0)


def main() -> None:
    # Ends as after Ctrl-C, so that every process that was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted, arguments, given = [], [], iter(sys.argv[1:])
    for argument in given:
        if argument == "--only":
            wanted.append(next(given, ""))
        else:
            arguments.append(argument)
    unknown = set(wanted) - set(found())
    if unknown:
        sys.exit(f"no tests of {', '.join(sorted(unknown))}: there are {', '.join(found())}")
    names = wanted or list(found())
    together = [name for name in names if name != ALONE] or names
    passed, failed, skipped = run(together, arguments)
    if ALONE in names and together != names:
        more = run_apart(ALONE, arguments)
        passed, failed, skipped = passed + more[0], failed + more[1], skipped + more[2]
    print(f"clients: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
