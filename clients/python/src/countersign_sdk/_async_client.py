"""The client for programs on asyncio."""

from __future__ import annotations

import random
import re
import uuid
from typing import Any, Awaitable, Callable, Iterable, Mapping, Optional, TypeVar, overload

import httpx

from ._answers import Is, Json, is_check, is_consumed, is_mint, is_object
from ._authorize import DEFAULT_WAIT_S, Authorization, OnPending, authorize, sound
from ._errors import CountersignError, NoAnswer
from ._exchange import Clock, Connections, Request, Ways, exchange
from ._guard import async_guard
from ._resources import Approvals, Budgets, Calls, Confirmations, Mandates, Receipts
from ._webhooks import verified_event

R = TypeVar("R")

_OWN_HOST = re.compile(r"localhost|.+\.localhost|127(\.\d+){3}|::1")

#: Members of an action that a token is not bound to by themselves.
_NOT_CONSUMED = ("mandate_id", "estimated_cost_micros")


class AsyncCountersign:
    """Countersign, as an agent's program asks it. No network before a method is called.

    ``fail_open`` names tools that run although nobody could be asked: no answer, or none in time, or
    one of 5xx. What they are told has ``is_fallback``. Every other tool is refused then. A refusal
    (4xx) or an answer that cannot be read is never one of these, nor is a call that a person has to
    approve: that is an answer, whatever becomes of the waiting.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        check_timeout_ms: float = 1000,
        timeout_ms: float = 10_000,
        fail_open: Iterable[str] = (),
        insecure: bool = False,
        transport: Optional[httpx.AsyncBaseTransport] = None,
        clock: Optional[Clock] = None,
        new_key: Callable[[], str] = lambda: str(uuid.uuid4()),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.ways = Ways(
            url=_service_url(url, insecure),
            key=_usable_key(key),
            http=Connections(transport),
            clock=clock or Clock(),
            random=chance,
        )
        self._check_timeout_s = _some_time("check_timeout_ms", check_timeout_ms)
        self._timeout_s = _some_time("timeout_ms", timeout_ms)
        self._fail_open = frozenset(fail_open)
        self._new_key = new_key
        self.approvals = Approvals(self)
        self.calls = Calls(self)
        self.mandates = Mandates(self)
        self.confirmations = Confirmations(self)
        self.budgets = Budgets(self)
        self.receipts = Receipts(self)

    verify_webhook = staticmethod(verified_event)

    async def __aenter__(self) -> "AsyncCountersign":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.ways.http.close()

    async def check(self, body: Mapping[str, Any], *, idempotency_key: Optional[str] = None) -> Json:
        """Whether an action may run. Want of an answer is a verdict, too: ``is_fallback``."""
        held = body.get("wait", 0) if body.get("mint") and body.get("request") else 0
        try:
            answer = await self.post(
                "/v1/permissions/check",
                body,
                is_check,
                idempotency_key=idempotency_key,
                timeout_s=self._check_timeout_s,
                held_seconds=held,
            )
        except CountersignError as error:
            why = _unasked(error)
            if body.get("tool_name") in self._fail_open:
                return {"permission": "allowed", "is_fallback": True, "why": str(why)}
            answer = {"permission": "disabled", "why": str(why), "code": why.code}
            return {**answer, "is_fallback": True}
        return {**answer, "is_fallback": False}

    async def authorize(
        self,
        action: Mapping[str, Any],
        *,
        wait: float = DEFAULT_WAIT_S,
        on_pending: Optional[OnPending] = None,
        **asking: Any,
    ) -> Authorization:
        """A token for one run. ``asking`` has ``reason``, and ``context`` or ``user_id`` likewise."""
        try:
            return await authorize(self, action, asking, wait=wait, on_pending=on_pending)
        except CountersignError as error:
            why = _unasked(error)
            if action.get("tool_name") not in self._fail_open:
                raise
            return Authorization(allowed=True, is_fallback=True, message=str(why))

    async def sound(
        self,
        action: Mapping[str, Any],
        *,
        on_pending: Optional[OnPending] = None,
        **asking: Any,
    ) -> Optional[Authorization]:
        """What stands in the way of an action, or None. Asks a person where one is needed, waits
        for nobody, and gives no token."""
        return await sound(self, action, asking, on_pending)

    async def mint(self, body: Mapping[str, Any]) -> Json:
        """A token for an action that is allowed, or was approved."""
        return await self.post("/v1/tokens/mint", body, is_mint, once=True)

    async def consume(self, token: str, action: Mapping[str, Any]) -> Json:
        """Uses a token up, for exactly this action. What it returns, returns once."""
        fields = {name: of for name, of in action.items() if name not in _NOT_CONSUMED}
        body = {**fields, "token": token}
        return await self.post("/v1/tokens/consume", body, is_consumed, once=True)

    async def log(self, body: Mapping[str, Any]) -> Json:
        """Says what became of a run."""
        return await self.post("/v1/executions/log", body, once=True)

    @overload
    def guard(
        self, tool_name: str, run: Callable[..., Awaitable[R]], **how: Any
    ) -> Callable[..., Awaitable[R]]: ...

    @overload
    def guard(
        self, tool_name: str, run: Callable[..., R], **how: Any
    ) -> Callable[..., Awaitable[R]]: ...

    def guard(
        self, tool_name: str, run: Callable[..., Any], **how: Any
    ) -> Callable[..., Awaitable[Any]]:
        """A tool that runs only with a token for this very call; see ``async_guard``."""
        return async_guard(self, tool_name, run, **how)

    async def get(
        self,
        path: str,
        accepts: Is = is_object,
        *,
        held_seconds: float = 0,
    ) -> Json:
        """A route that is read."""
        timeout_s = self._timeout_s + held_seconds
        request = Request(method="GET", path=path, accepts=accepts, timeout_s=timeout_s)
        return await exchange(self.ways, request)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        accepts: Is = is_object,
        *,
        once: bool = False,
        idempotency_key: Optional[str] = None,
        timeout_s: Optional[float] = None,
        held_seconds: float = 0,
    ) -> Json:
        """A route that is posted to; ``once``: sent again where no answer came, and done once."""
        limit = self._timeout_s if timeout_s is None else timeout_s
        request = Request(
            method="POST",
            path=path,
            body=dict(body),
            accepts=accepts,
            timeout_s=limit + held_seconds,
            idempotency_key=idempotency_key or (self._new_key() if once else None),
        )
        return await exchange(self.ways, request)


def _unasked(error: CountersignError) -> CountersignError:
    """The error of a question that nobody answered; raises what is none of these."""
    server = error.status is not None and error.status >= 500
    silent = isinstance(error, NoAnswer) and error.code != "bad_answer"
    if (server or silent) and error.reference is None:
        return error
    raise error


def _some_time(name: str, milliseconds: float) -> float:
    """Seconds. In a time that is none nothing is ever answered."""
    if isinstance(milliseconds, (int, float)) and milliseconds > 0:
        return milliseconds / 1000
    raise ValueError(f"{name} must be milliseconds, more than 0")


def _service_url(text: str, insecure: bool) -> httpx.URL:
    if not text:
        raise ValueError("url is missing: the address of Countersign (COUNTERSIGN_URL)")
    url = httpx.URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        # Not what it is: it may hold a password.
        raise ValueError("url must be an address such as https://countersign.example, with https://")
    if url.userinfo:
        raise ValueError("url must not hold a password: the key is sent as a header")
    if url.scheme == "http" and not insecure and _OWN_HOST.fullmatch(url.host) is None:
        raise ValueError(
            f"The key would be sent readable to {url.host}: use https, or say insecure=True"
        )
    return url


def _usable_key(key: str) -> str:
    if not key:
        raise ValueError("key is missing: an agent's token, or a key (COUNTERSIGN_KEY)")
    # Not the key itself: messages end up in logs.
    if re.fullmatch(r"[\x21-\x7e]+", key) is None:
        raise ValueError("key must be visible ASCII, without blanks")
    return key
