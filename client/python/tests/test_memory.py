"""What a call of 64 MiB there and back takes, at its peak, beside the array that the caller holds anyway."""

from __future__ import annotations

import subprocess
import sys
import unittest

from . import fixture

MIB = 1024 * 1024
TENSOR_MIB = 64

# The promise: within four times the tensor, the answer's array included.
MOST_MIB = 4 * TENSOR_MIB

MEASURED = """
import sys
import numpy as np, strongroom

def of_process(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024

client = strongroom.connect(sys.argv[1], trust=sys.argv[2], api_key="@" + sys.argv[3])
model = client.model("wide")
name = model.info.inputs[0].name
client.infer("fraud", {"X": [[0.5] * 30]})
wide = np.full((16, 1024 * 1024), 0.5, np.float32)
# The peak begins anew (proc(5), clear_refs).
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")
idle = of_process("VmRSS")
answer = model.infer({name: wide})
print(of_process("VmHWM") - idle)
"""


class Memory(unittest.TestCase):
    def test_64_mib_take_at_most_four_times_as_much(self) -> None:
        world = fixture.open_world()
        command = [sys.executable, "-c", MEASURED, world.program.url, world.state / "trust.toml", world.state / "api-key"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        peak = int(done.stdout) / MIB
        print(f"peak of the Python process beside the caller's array, for {TENSOR_MIB} MiB there and back: {peak:.0f} MiB", flush=True)
        self.assertLessEqual(peak, MOST_MIB)
