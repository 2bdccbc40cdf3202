"""The client for programs without asyncio: the same, waited for."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import weakref
from typing import Any, Callable, Coroutine, Mapping, Optional, TypeVar

from ._answers import Json
from ._async_client import AsyncCountersign
from ._authorize import DEFAULT_WAIT_S, Authorization, OnPending
from ._guard import guard
from ._webhooks import verified_event

R = TypeVar("R")


class _Waited:
    """The methods of something asynchronous, each waited for."""

    def __init__(self, of: Any, wait_for: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._of = of
        self._wait_for = wait_for

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._of, name)
        if name.startswith("_") or not inspect.iscoroutinefunction(method):
            raise AttributeError(name)
        return lambda *args, **named: self._wait_for(method(*args, **named))


class Countersign:
    """Countersign, as an agent's program asks it; see ``AsyncCountersign`` for what it takes.

    Its requests run on one thread of its own, so that each ends within its whole time, and may be
    made by any thread. That thread begins with the first request and holds up no exit. A process
    that was forked has one of its own. ``on_pending`` is called in another, and may ask, too.
    """

    def __init__(self, **options: Any) -> None:
        self._client = AsyncCountersign(**options)
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self.approvals = _Waited(self._client.approvals, self._wait_for)
        self.calls = _Waited(self._client.calls, self._wait_for)
        self.mandates = _Waited(self._client.mandates, self._wait_for)
        self.confirmations = _Waited(self._client.confirmations, self._wait_for)
        self.budgets = _Waited(self._client.budgets, self._wait_for)
        self.receipts = _Waited(self._client.receipts, self._wait_for)
        _CLIENTS.add(self)

    verify_webhook = staticmethod(verified_event)

    def __enter__(self) -> "Countersign":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._loop is None:
            return
        self._wait_for(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop = None

    def check(self, body: Mapping[str, Any], *, idempotency_key: Optional[str] = None) -> Json:
        """Whether an action may run. Want of an answer is a verdict, too: ``is_fallback``."""
        return self._wait_for(self._client.check(body, idempotency_key=idempotency_key))

    def authorize(
        self,
        action: Mapping[str, Any],
        *,
        wait: float = DEFAULT_WAIT_S,
        on_pending: Optional[OnPending] = None,
        **asking: Any,
    ) -> Authorization:
        """A token for one run. ``asking`` has ``reason``, and ``context`` or ``user_id`` likewise."""
        telling = _in_a_thread(on_pending)
        return self._wait_for(
            self._client.authorize(action, wait=wait, on_pending=telling, **asking)
        )

    def sound(
        self,
        action: Mapping[str, Any],
        *,
        on_pending: Optional[OnPending] = None,
        **asking: Any,
    ) -> Optional[Authorization]:
        """What stands in the way of an action, or None; gives no token."""
        telling = _in_a_thread(on_pending)
        return self._wait_for(self._client.sound(action, on_pending=telling, **asking))

    def mint(self, body: Mapping[str, Any]) -> Json:
        """A token for an action that is allowed, or was approved."""
        return self._wait_for(self._client.mint(body))

    def consume(self, token: str, action: Mapping[str, Any]) -> Json:
        """Uses a token up, for exactly this action. What it returns, returns once."""
        return self._wait_for(self._client.consume(token, action))

    def log(self, body: Mapping[str, Any]) -> Json:
        """Says what became of a run."""
        return self._wait_for(self._client.log(body))

    def guard(self, tool_name: str, run: Callable[..., R], **how: Any) -> Callable[..., R]:
        """A tool that runs only with a token for this very call."""
        return guard(self, tool_name, run, **how)

    def _wait_for(self, doing: Coroutine[Any, Any, R]) -> R:
        future = asyncio.run_coroutine_threadsafe(doing, self._running())
        try:
            return future.result()
        except BaseException:
            # Whoever stopped waiting, by Ctrl-C for one, is asked for no more.
            future.cancel()
            raise

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._loop = None

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                name = "countersign"
                threading.Thread(target=_run, args=(loop,), name=name, daemon=True).start()
                self._loop = loop
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Runs a loop until it is stopped, and leaves nothing of it to the collector."""
    try:
        loop.run_forever()
    finally:
        loop.close()


def _in_a_thread(on_pending: Optional[OnPending]) -> Optional[OnPending]:
    """Not on the thread of the requests, which it would hold up, and could ask nothing by."""
    if on_pending is None:
        return None

    async def tell(approval: Json) -> None:
        said = await asyncio.to_thread(on_pending, approval)
        if inspect.isawaitable(said):
            await said

    return tell


_CLIENTS: "weakref.WeakSet[Countersign]" = weakref.WeakSet()


def _after_fork() -> None:
    """No thread of the parent goes on in its child, and what it had locked stays so."""
    for client in list(_CLIENTS):
        client._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
