"""The same client for asyncio. No thread waits for a call: the event loop is told when it is done."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Type, Union

from . import _native, _tensors, _types
from ._client import DEADLINE_SECONDS, SESSION_SECONDS, Path, found_model, native_client, open_native
from ._types import Answer, ModelInfo, Report


async def connect_async(url: str, *, trust: Union[Path, bytes], api_key: Optional[Path] = None,
                        measurements: Union[Path, bytes, None] = None,
                        deadline_seconds: float = DEADLINE_SECONDS, session_seconds: float = SESSION_SECONDS,
                        epochs: Optional[Mapping[str, int]] = None) -> AsyncClient:
    """As `strongroom.connect`, for asyncio."""
    client = AsyncClient(native_client(url, (trust, measurements), api_key, (deadline_seconds, session_seconds), epochs))
    if api_key is not None:
        await client.session()
    return client


class AsyncClient:
    """A client of one deployment, made by `connect_async`. A call that is cancelled is given up."""

    def __init__(self, native: _native.Client) -> None:
        self._native: Optional[_native.Client] = native

    async def infer(self, model: str, inputs: Mapping[str, Any], *, version: Optional[str] = None,
                    outputs: Sequence[str] = (), risk: Optional[Mapping[str, float]] = None) -> Answer:
        """As `Client.infer`."""
        native = open_native(self._native)
        datatypes: Dict[str, str] = {}
        if _tensors.untyped(inputs):
            found = await _done(native.model, model, version)
            datatypes = _types.model(found).datatypes() if found else {}
        handed = _tensors.encode(inputs, datatypes)
        question = native.prepare((model, version), handed, list(outputs), dict(risk or {}))
        # The message holds the elements now.
        del handed
        return _types.answer(await _done(native.infer, question))

    async def verify(self) -> Report:
        """As `Client.verify`."""
        return _types.report(await _done(open_native(self._native).verify))

    async def session(self) -> Report:
        """As `Client.session`."""
        return _types.report(await _done(open_native(self._native).session))

    async def models(self) -> Tuple[ModelInfo, ...]:
        """As `Client.models`."""
        return _types.models(await _done(open_native(self._native).models))

    async def model(self, name: str, version: Optional[str] = None) -> AsyncModel:
        """As `Client.model`."""
        return AsyncModel(self, found_model(await _done(open_native(self._native).model, name, version)), version)

    async def status(self) -> Dict[str, Any]:
        """As `Client.status`."""
        status: Dict[str, Any] = json.loads(await _done(open_native(self._native).status))
        return status

    @property
    def epochs(self) -> Dict[str, int]:
        """As `Client.epochs`."""
        return open_native(self._native).epochs()

    def close(self) -> None:
        """As `Client.close`."""
        self._native = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        self.close()


class AsyncModel:
    """One model of a client."""

    def __init__(self, client: AsyncClient, info: ModelInfo, version: Optional[str]) -> None:
        self._client, self.info, self._version = client, info, version

    async def infer(self, inputs: Mapping[str, Any], *, outputs: Sequence[str] = (),
                    risk: Optional[Mapping[str, float]] = None) -> Answer:
        """As `Client.infer`."""
        return await self._client.infer(self.info.name, inputs, version=self._version, outputs=outputs, risk=risk)


async def _done(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call hands to its callback. The callback runs in another thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: Optional[BaseException]) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def told(result: Any, error: Optional[BaseException]) -> None:
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            # The loop was closed: nobody waits.
            pass

    task = call(*arguments, told)
    try:
        return await future
    finally:
        if future.cancelled():
            task.cancel()
