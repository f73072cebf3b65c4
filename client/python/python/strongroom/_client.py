"""A client that blocks."""

from __future__ import annotations

import json
import os
import re
from types import TracebackType
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Type, Union

from . import _native, _tensors, _types
from ._errors import UsageError, usage
from ._types import Answer, ModelInfo, Report

Path = Union[str, "os.PathLike[str]"]

DEADLINE_SECONDS = 180.0
"""Time for one call with all its attempts."""

SESSION_SECONDS = 3600.0
"""Age of a session at which the enclave has to prove itself again."""

_SECRET = re.compile("sra?_[A-Za-z0-9_-]{20}")
"""What an API key and the private half of an audit key begin with."""


def connect(url: str, *, trust: Union[Path, bytes], api_key: Optional[Path] = None,
            measurements: Union[Path, bytes, None] = None, deadline_seconds: float = DEADLINE_SECONDS,
            session_seconds: float = SESSION_SECONDS, epochs: Optional[Mapping[str, int]] = None) -> Client:
    """Verifies the enclave behind a host and opens a session with it.

    Args:
        url: The host, ``http://HOST[:PORT]`` or ``https://HOST[:PORT]``. What is sent through it is sealed for the enclave.
        trust: What the enclave has to be: the path of a trust file, or its bytes.
        api_key: ``sr_…``, or ``@FILE``, or the path of a file as a `pathlib.Path`. Without one nothing is opened, and the
            client can `verify()` alone.
        measurements: The owner's published measurements, path or bytes, where the trust file names who may publish them.
        deadline_seconds: Time for one call with all its attempts, of which there are 10 at most. A finite number above 0.
        session_seconds: Age of a session at which the enclave has to prove itself again.
        epochs: `Client.epochs` of an earlier run, so that an older release is noticed.

    Raises:
        UsageError: An argument is wrong.
        EvidenceError: The enclave is not what the trust file demands; nothing was sent but a nonce.
        RefusedError: The enclave does not know the API key.
        UnreachableError: Nobody answered.
    """
    client = Client(native_client(url, (trust, measurements), api_key, (deadline_seconds, session_seconds), epochs))
    if api_key is not None:
        client.session()
    return client


class Client:
    """A client of one deployment, made by `connect`. Threads may share it; a forked process has to make its own."""

    def __init__(self, native: _native.Client) -> None:
        self._native: Optional[_native.Client] = native

    def infer(self, model: str, inputs: Mapping[str, Any], *, version: Optional[str] = None, outputs: Sequence[str] = (),
              risk: Optional[Mapping[str, float]] = None) -> Answer:
        """Runs one inference in the verified enclave.

        Args:
            model: Which model, or a route that leads to one of several.
            inputs: Arrays by the names of the model's inputs, rows outermost, such as float32 of shape ``(rows, 30)``. Sent
                as they are; lists and numbers take the datatype of the model. See `strongroom.DATATYPES`.
            version: Which version of the model; the only one of the release where it is absent.
            outputs: Names of the outputs wanted; all of them where it is empty.
            risk: What is declared of the request where a route chooses by it, such as an amount of money.

        Returns:
            The outputs by name, as the model's datatypes and shapes, with ``receipt``.

        Raises:
            StrongroomError: See the subclasses. Whatever it is, nothing of the request has left this process in the clear.
        """
        native = open_native(self._native)
        datatypes: Dict[str, str] = {}
        if _tensors.untyped(inputs):
            found = native.model(model, version, None)
            datatypes = _types.model(found).datatypes() if found else {}
        handed = _tensors.encode(inputs, datatypes)
        question = native.prepare((model, version), handed, list(outputs), dict(risk or {}))
        # The message holds the elements now.
        del handed
        return _types.answer(native.infer(question, None))

    def verify(self) -> Report:
        """Asks for fresh evidence and judges it. Opens no session and shows the API key to nobody.

        Raises:
            EvidenceError: A check failed; `checks` holds all of them.
        """
        return _types.report(open_native(self._native).verify(None))

    def session(self) -> Report:
        """What the session in use was verified against. Opens one where none is open."""
        return _types.report(open_native(self._native).session(None))

    def models(self) -> Tuple[ModelInfo, ...]:
        """Everything that may be asked for, as the verified release says."""
        return _types.models(open_native(self._native).models(None))

    def model(self, name: str, version: Optional[str] = None) -> Model:
        """One model of this client, to be asked without repeating its name.

        Raises:
            UsageError: There is none of that name and version that the trust file allows.
        """
        return Model(self, found_model(open_native(self._native).model(name, version, None)), version)

    def status(self) -> Dict[str, Any]:
        """How the enclave does. The key's role has to allow it."""
        status: Dict[str, Any] = json.loads(open_native(self._native).status(None))
        return status

    @property
    def epochs(self) -> Dict[str, int]:
        """The highest epoch of each deployment that passed, for a later run's `connect`."""
        return open_native(self._native).epochs()

    def close(self) -> None:
        """Wipes the API key and the session. Calls that run go on."""
        self._native = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()


class Model:
    """One model of a client."""

    def __init__(self, client: Client, info: ModelInfo, version: Optional[str]) -> None:
        self._client, self.info, self._version = client, info, version

    def infer(self, inputs: Mapping[str, Any], *, outputs: Sequence[str] = (),
              risk: Optional[Mapping[str, float]] = None) -> Answer:
        """As `Client.infer`."""
        return self._client.infer(self.info.name, inputs, version=self._version, outputs=outputs, risk=risk)


def open_native(native: Optional[_native.Client]) -> _native.Client:
    if native is None:
        raise usage("the client was closed")
    return native


def found_model(text: Optional[str]) -> ModelInfo:
    if text is None:
        raise UsageError("no such model or version, or none that the trust file names", exit_code=2, status=404)
    return _types.model(text)


def native_client(url: str, demands: Tuple[Union[Path, bytes], Union[Path, bytes, None]], api_key: Optional[Path],
                  times: Tuple[float, float], epochs: Optional[Mapping[str, int]]) -> _native.Client:
    trust, measurements = demands
    published = None if measurements is None else _bytes("measurements", measurements)
    return _native.Client(url, (_bytes("trust", trust), published), _key(api_key), times, dict(epochs or {}))


def _bytes(argument: str, given: Union[Path, bytes]) -> bytes:
    return given if isinstance(given, bytes) else _read(argument, given)


def _key(given: Optional[Path]) -> Optional[str]:
    if isinstance(given, str) and not given.startswith("@"):
        return given
    if given is None:
        return None
    try:
        return _read("api_key", given[1:] if isinstance(given, str) else given).decode()
    except UnicodeDecodeError:
        raise usage("api_key: not text") from None


def _read(argument: str, path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise usage(f"{argument}: {_shown(path)}: {error.strerror}") from None


def _shown(path: Path) -> str:
    """A path, unless it looks like a secret that was given in a path's place."""
    text = os.fspath(path)
    return "a path that looks like a secret" if _SECRET.search(text) else text
