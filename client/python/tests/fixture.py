"""The services of tests/clients, and clients of theirs."""

from __future__ import annotations

import functools
import socket
from pathlib import Path

import numpy as np
import strongroom
from clients import fixture as services

World = services.World
binary = services.binary
folder = services.folder
guarded_world = services.guarded_world
open_world = services.open_world
start = services.start
stranger = services.stranger

FRAUD_COLUMNS = 30


def silent_host() -> tuple[str, socket.socket]:
    """The URL of a host that takes connections and never says a word, for as long as its socket lives."""
    listener = socket.create_server(("127.0.0.1", 0))
    return f"http://127.0.0.1:{listener.getsockname()[1]}", listener


def payments(count: int) -> np.ndarray:
    """Rows such as the fraud model was made from."""
    return np.loadtxt(services.FRAUD / "test.csv", delimiter=",", skiprows=1, max_rows=count, dtype=np.float32)


def arguments(world: World, key: str = "client") -> dict[str, object]:
    """What `connect` takes for this world and key."""
    return {"trust": world.state / "trust.toml", "api_key": Path(world.keys.get(key, world.state / "api-key"))}


@functools.cache
def client() -> strongroom.Client:
    """A client of the open world, which most tests share."""
    world = open_world()
    return strongroom.connect(world.program.url, **arguments(world))


def rows(count: int, seed: int = 1) -> np.ndarray:
    """Rows of the fraud model, of shape `(count, 30)`."""
    return np.random.default_rng(seed).normal(size=(count, FRAUD_COLUMNS)).astype(np.float32)
