"""What the defences cost those who mean no harm."""

from __future__ import annotations

import numpy as np

from .bench import Bench, Result
from .service import Spent

# Rows that one honest key sends.
ROWS_A_KEY = 1000


def honest(bench: Bench) -> Result:
    """Held-out rows, each key with a part of them; a refused row counts as a wrong answer."""
    rows = bench.victim.honest
    count = min(len(rows), max(ROWS_A_KEY, bench.budget) if bench.short else len(rows))
    right, alarms, keys, result = 0, 0, 0, Result()
    for first in range(0, count, ROWS_A_KEY):
        x, y = rows.x[first : min(count, first + ROWS_A_KEY)], rows.y[first : min(count, first + ROWS_A_KEY)]
        with bench.open("attacker", len(x)) as oracle:
            try:
                oracle.predict(x)
            except Spent:
                pass
            told = np.array(oracle.seen.labels)
            right += int((told == y[: len(told)]).sum())
            keys, alarms = keys + 1, alarms + (oracle.seen.flagged_at is not None)
            result.count(oracle)
    asked = max(1, result.asked)
    result.measures = {"accuracy": right / asked, "false alarms": alarms / keys, "refused": result.refused / asked}
    result.note = f"{keys} keys"
    return result
