"""Tools that run only when this very call was authorized, and its token consumed."""

from __future__ import annotations

import inspect
import json
import time
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Mapping, Optional, TypeVar, Union, overload, TYPE_CHECKING

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

    def permitted(self, answer: Optional[Authorization]) -> None:
        """Raises where something stands in the way; None is nothing."""
        if answer is not None and not answer.allowed:
            raise not_run(self.tool, answer)

    def consumed(self, answer: Json, permit: Authorization) -> None:
        if answer["token_id"] != permit.token_id:
            message = f"{self.tool} did not run: another token was consumed than was sent"
            raise NotRun(message, code="bad_answer")

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
            # The tool has run: what is wrong with what is said of it must not lose its result.
            try:
                cost = self._cost(value)
            except Exception:
                cost = None
            if type(cost) is int:
                body["cost_micros"] = cost
        return body


def refusal_of(tool: str, error: Exception) -> NotRun:
    """Whatever broke before the body was reached is a refusal, and is said as one."""
    if isinstance(error, NotRun):
        return error
    if not isinstance(error, CountersignError):
        # Not its text: what a stranger's code says may hold what a model must not be told.
        message = f"{tool} did not run: its guard failed ({type(error).__name__})"
        return NotRun(message, code="guard_failed")
    return NotRun(
        f"{tool} did not run: {error}",
        code=error.code,
        reference=error.reference,
        next=error.next,
    )


@dataclass(frozen=True)
class Asking:
    """How the calls of a tool are asked for."""

    facts: Optional[Facts] = None
    reason: Reason = "No reason given."
    wait: float = DEFAULT_WAIT_S
    on_pending: Optional[OnPending] = None
    cost: Optional[Callable[[Any], int]] = None

    def call(self, tool_name: str, arguments: Mapping[str, Any]) -> _Call:
        facts, reason, cost = self.facts, self.reason, self.cost
        return _Call(tool_name, arguments, facts=facts, reason=reason, cost=cost)


class Permit:
    """A call that may run once, now: its token has been consumed."""

    def __init__(self, call: _Call, answer: Authorization) -> None:
        self._call = call
        self._answer = answer
        #: What it may run with.
        self.arguments = call.arguments

    def report(self, result: str, value: Any = None) -> Optional[dict[str, Any]]:
        """What is logged; None for a tool that was said beforehand to run unasked."""
        return self._call.report(self._answer, result, value) if self._answer.token else None


async def async_permit(
    client: "AsyncCountersign", tool_name: str, arguments: Mapping[str, Any], asking: Asking
) -> Permit:
    """Asks, and consumes the token of exactly this call; raises ``NotRun`` whatever goes wrong."""
    wait, on_pending = asking.wait, asking.on_pending
    try:
        call = asking.call(tool_name, arguments)
        answer = await client.authorize(
            call.action, reason=call.reason, wait=wait, on_pending=on_pending
        )
        call.permitted(answer)
        if answer.token is not None:
            call.consumed(await client.consume(answer.token, call.action), answer)
    except Exception as error:
        raise refusal_of(tool_name, error) from error
    call.begin()
    return Permit(call, answer)


async def async_sounding(
    client: "AsyncCountersign", tool_name: str, arguments: Mapping[str, Any], asking: Asking
) -> None:
    """Raises ``NotRun`` where something stands in the way. Lets nothing run: a permit does."""
    try:
        call = asking.call(tool_name, arguments)
        call.permitted(
            await client.sound(call.action, reason=call.reason, on_pending=asking.on_pending)
        )
    except Exception as error:
        raise refusal_of(tool_name, error) from error


@overload
def async_guard(
    client: "AsyncCountersign", tool_name: str, run: Callable[..., Awaitable[R]], **how: Any
) -> Callable[..., Awaitable[R]]: ...


@overload
def async_guard(
    client: "AsyncCountersign", tool_name: str, run: Callable[..., R], **how: Any
) -> Callable[..., Awaitable[R]]: ...


def async_guard(
    client: "AsyncCountersign", tool_name: str, run: Callable[..., Any], **how: Any
) -> Callable[..., Awaitable[Any]]:
    """Wraps a tool. Anything but an authorized call raises ``NotRun``, and the body is not reached.

    ``how`` is what ``Asking`` takes. A body that is not asynchronous runs on the loop.
    """
    asking = Asking(**how)

    async def guarded(**arguments: Any) -> Any:
        permit = await async_permit(client, tool_name, arguments, asking)
        try:
            given = run(**permit.arguments)
            value = await given if inspect.isawaitable(given) else given
        except BaseException:
            await async_say(client, permit.report("error"))
            raise
        await async_say(client, permit.report("success", value))
        return value

    return guarded


async def async_say(client: "AsyncCountersign", body: Optional[dict[str, Any]]) -> None:
    # The tool has run. A report that is lost must not look like a tool that was not run.
    if body is None:
        return
    try:
        await client.log(body)
    except Exception:
        pass


def permit(
    client: "Countersign", tool_name: str, arguments: Mapping[str, Any], asking: Asking
) -> Permit:
    """As ``async_permit``."""
    wait, on_pending = asking.wait, asking.on_pending
    try:
        call = asking.call(tool_name, arguments)
        answer = client.authorize(call.action, reason=call.reason, wait=wait, on_pending=on_pending)
        call.permitted(answer)
        if answer.token is not None:
            call.consumed(client.consume(answer.token, call.action), answer)
    except Exception as error:
        raise refusal_of(tool_name, error) from error
    call.begin()
    return Permit(call, answer)


def guard(
    client: "Countersign", tool_name: str, run: Callable[..., R], **how: Any
) -> Callable[..., R]:
    """As ``async_guard``; the body runs in the caller's own thread.

    Raises ``TypeError`` for an asynchronous body: it would begin after its run was logged.
    """
    asking = Asking(**how)
    if inspect.iscoroutinefunction(run):
        raise TypeError(f"{tool_name} is asynchronous: guard it with an AsyncCountersign")

    def guarded(**arguments: Any) -> R:
        permitted = permit(client, tool_name, arguments, asking)
        try:
            value = run(**permitted.arguments)
        except BaseException:
            say(client, permitted.report("error"))
            raise
        say(client, permitted.report("success", value))
        return value

    return guarded


def say(client: "Countersign", body: Optional[dict[str, Any]]) -> None:
    """Logs what became of a run, if it can be logged."""
    if body is None:
        return
    try:
        client.log(body)
    except Exception:
        pass
