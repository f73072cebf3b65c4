"""Starting, loading, attesting, and doing nothing."""

from __future__ import annotations

from ..context import Context
from ..processes import Simulation, bench

# What a real NSM takes for a document, in milliseconds.
NSM_MS = 100

# Clients at the same time. The best of them counts: a document serves all who wait for one.
CLIENTS = (16, 64, 128, 256)

# Sessions left idle: below the enclave's bound of 10,000.
IDLE = 8000


def start(context: Context) -> None:
    """From starting host and enclave to the first verified answer."""
    quick = context.settings.quick
    case = context.models.mlp() if quick else context.models.minilm(16)
    times = context.settings.rounds
    found = bench("start", "--model", case.onnx, "--request", case.request, f"--times={times}", seconds=30.0 * times)
    what = f"start to first answer, package of {found['package_bytes'] / 1e6:.1f} MB, simulation"
    context.results.tell("start", what, "s", found["seconds_to_first_answer"])
    context.results.raw["start"] = found


def package(context: Context) -> None:
    """Decrypting and verifying a package as it is loaded, on one core."""
    mib = 8 if context.settings.quick else 90
    found = bench("open-package", f"--mib={mib}", f"--times={context.settings.rounds}", seconds=60.0)
    context.results.compare("package", f"decrypt and verify while loading, {mib} MiB, one core", "GB/s",
                            found["ours_gb_per_second"], "ring's AES-256-GCM + SHA-256 alone",
                            found["bare_gb_per_second"], less_is_better=False)
    context.results.raw["package"] = found


def sessions(context: Context) -> None:
    """Fresh verified sessions a second, with an NSM as slow as a real one, clients on the same cores."""
    seconds, found = context.settings.seconds, {}
    simulation = Simulation("sessions", [context.models.mlp()], context.folder, nsm_delay_ms=NSM_MS)
    try:
        for clients in CLIENTS[-2:] if context.settings.quick else CLIENTS:
            found[clients] = bench("sessions", *simulation.reached, *simulation.meters, f"--clients={clients}",
                                   f"--seconds={seconds}", seconds=seconds)
    finally:
        simulation.stop()
    best = max(found, key=lambda clients: found[clients]["per_second"])
    what = f"fresh verified sessions a second, {best} clients on the same {context.cores} cores, NSM {NSM_MS} ms"
    failed = found[best]["failed"]
    context.results.tell("sessions", what, "1/s", [found[best]["per_second"]], f"{failed} failed" if failed else "")
    for part, micros in found[best]["cpu_us_each"].items():
        context.results.tell("sessions", f"CPU of the {part} for one of them", "us", [micros])
    context.results.raw["sessions"] = found


def idle(context: Context) -> None:
    """Memory that the enclave holds for a session that nobody uses."""
    many = 500 if context.settings.quick else IDLE
    simulation = Simulation("idle", [context.models.mlp()], context.folder)
    try:
        found = bench("idle", *simulation.reached, f"--sessions={many}", f"--enclave-pid={simulation.enclave}",
                      f"--host-pid={simulation.host}", seconds=300.0)
    finally:
        simulation.stop()
    context.results.tell("idle", f"memory of an idle session in the enclave, {many} of them", "B",
                         [found["enclave_bytes_each"]])
    context.results.tell("idle", "the same in the host", "B", [found["host_bytes_each"]])
    context.results.raw["idle"] = found
