"""Tools that run only when this very call was authorized, and its token consumed."""

from __future__ import annotations

import json
import time
from typing import Any, Awaitable, Callable, Mapping, Optional, TypeVar, Union, TYPE_CHECKING

from ._answers import Json
from ._authorize import DEFAULT_WAIT_S, Authorization, OnPending, not_run
from ._errors import CountersignError, NotRun

if TYPE_CHECKING:
    from ._async_client import AsyncCountersign
    from ._client import Countersign

R = TypeVar("R")
Reason = Union[str, Callable[[Mapping[str, Any]], str]]
Facts = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class _Call:
    """One call of a guarded tool: what is asked, and what is said of its run."""

    def __init__(
        self,
        tool_name: str,
        arguments: Mapping[str, Any],
        *,
        facts: Optional[Facts],
        reason: Reason,
        cost: Optional[Callable[[Any], int]],
    ) -> None:
        self.tool = tool_name
        self._cost = cost
        # The bytes are made once: what runs cannot differ from what was asked, whoever holds them.
        text = json.dumps(dict(arguments), allow_nan=False)
        self.arguments: dict[str, Any] = json.loads(text)
        more = dict(facts(json.loads(text))) if facts is not None else {}
        self.action = {**more, "tool_name": tool_name, "arguments": json.loads(text)}
        self.reason = reason if isinstance(reason, str) else reason(json.loads(text))
        self._began = 0.0

    def permitted(self, answer: Authorization) -> None:
        if not answer.allowed:
            raise not_run(self.tool, answer)

    def consumed(self, answer: Json, permit: Authorization) -> None:
        if answer["token_id"] != permit.token_id:
            message = f"{self.tool} did not run: another token was consumed than was sent"
            raise NotRun(message, code="bad_answer")

    def broken(self, error: CountersignError) -> NotRun:
        if isinstance(error, NotRun):
            return error
        return NotRun(
            f"{self.tool} did not run: {error}",
            code=error.code,
            reference=error.reference,
            next=error.next,
        )

    def begin(self) -> None:
        self._began = time.monotonic()

    def report(self, permit: Authorization, result: str, value: Any = None) -> dict[str, Any]:
        """What is logged. Not why a tool failed: messages of tools hold what the log must not."""
        body = {
            "tool_name": self.tool,
            "token": permit.token,
            "execution_result": result,
            "duration_ms": max(0, round((time.monotonic() - self._began) * 1000)),
        }
        if result == "success" and self._cost is not None:
            body["cost_micros"] = self._cost(value)
        return body


def async_guard(
    client: "AsyncCountersign",
    tool_name: str,
    run: Callable[..., Awaitable[R]],
    *,
    facts: Optional[Facts] = None,
    reason: Reason = "No reason given.",
    wait: float = DEFAULT_WAIT_S,
    on_pending: Optional[OnPending] = None,
    cost: Optional[Callable[[Any], int]] = None,
) -> Callable[..., Awaitable[R]]:
    """Wraps a tool. Anything but an authorized call raises ``NotRun``, and the body is not reached."""

    async def guarded(**arguments: Any) -> R:
        call = _Call(tool_name, arguments, facts=facts, reason=reason, cost=cost)
        try:
            permit = await client.authorize(
                call.action, reason=call.reason, wait=wait, on_pending=on_pending
            )
            call.permitted(permit)
            if permit.token is not None:
                call.consumed(await client.consume(permit.token, call.action), permit)
        except CountersignError as error:
            raise call.broken(error) from error
        call.begin()
        try:
            value = await run(**call.arguments)
        except BaseException:
            await _said(client, permit, call.report(permit, "error"))
            raise
        await _said(client, permit, call.report(permit, "success", value))
        return value

    return guarded


async def _said(client: "AsyncCountersign", permit: Authorization, body: dict[str, Any]) -> None:
    # The tool has run. A report that is lost must not look like a tool that was not run.
    if permit.token is None:
        return
    try:
        await client.log(body)
    except CountersignError:
        pass


def guard(
    client: "Countersign",
    tool_name: str,
    run: Callable[..., R],
    *,
    facts: Optional[Facts] = None,
    reason: Reason = "No reason given.",
    wait: float = DEFAULT_WAIT_S,
    on_pending: Optional[OnPending] = None,
    cost: Optional[Callable[[Any], int]] = None,
) -> Callable[..., R]:
    """As ``async_guard``; the body runs in the caller's own thread."""

    def guarded(**arguments: Any) -> R:
        call = _Call(tool_name, arguments, facts=facts, reason=reason, cost=cost)
        try:
            permit = client.authorize(
                call.action, reason=call.reason, wait=wait, on_pending=on_pending
            )
            call.permitted(permit)
            if permit.token is not None:
                call.consumed(client.consume(permit.token, call.action), permit)
        except CountersignError as error:
            raise call.broken(error) from error
        call.begin()
        try:
            value = run(**call.arguments)
        except BaseException:
            _say(client, permit, call.report(permit, "error"))
            raise
        _say(client, permit, call.report(permit, "success", value))
        return value

    return guarded


def _say(client: "Countersign", permit: Authorization, body: dict[str, Any]) -> None:
    if permit.token is None:
        return
    try:
        client.log(body)
    except CountersignError:
        pass
