"""Runs Strongroom's benchmarks beside plain peers, in turns, and writes what came of them. `scripts/bench` starts it."""
