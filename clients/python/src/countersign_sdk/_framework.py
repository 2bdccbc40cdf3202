"""What the guards of all frameworks take, and how each lets a call through the one guard."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Awaitable, Callable, Mapping, Optional, TypeVar, Union, cast

from ._answers import Json
from ._async_client import AsyncCountersign
from ._authorize import Authorization, OnPending
from ._client import Countersign
from ._errors import NotRun
from ._guard import (
    Asking,
    Permit,
    async_guard,
    async_permit,
    async_say,
    async_sounding,
    guard,
    permit,
    say,
)

R = TypeVar("R")
Client = Union[Countersign, AsyncCountersign]
FactsOf = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
ReasonOf = Callable[[str, Mapping[str, Any]], str]


class _Awaited:
    """A client that is waited for, as one that is awaited: a thread waits, not the loop."""

    def __init__(self, client: Countersign) -> None:
        self._client = client

    async def authorize(self, *args: Any, **named: Any) -> Authorization:
        return await asyncio.to_thread(self._client.authorize, *args, **named)

    async def sound(self, *args: Any, **named: Any) -> Optional[Authorization]:
        return await asyncio.to_thread(self._client.sound, *args, **named)

    async def consume(self, *args: Any) -> Json:
        return await asyncio.to_thread(self._client.consume, *args)

    async def log(self, *args: Any) -> Json:
        return await asyncio.to_thread(self._client.log, *args)


class Guarding:
    """Lets calls of any tool through the guard, by the name that the framework has for it.

    ``facts`` and ``reason`` are given the tool's name and the arguments. ``wait`` is how long a
    call is held while a person decides, seconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        facts: Optional[FactsOf] = None,
        reason: Union[str, ReasonOf] = "No reason given.",
        wait: float = 0,
        on_pending: Optional[OnPending] = None,
    ) -> None:
        self._client = client
        self._facts = facts
        self._reason = reason
        self._wait = wait
        self._on_pending = on_pending

    def run(
        self, tool: str, arguments: Mapping[str, Any], body: Callable[[dict[str, Any]], R]
    ) -> Union[R, NotRun]:
        """What the body returned, given a copy of the arguments; or why it was not reached."""
        reached = False

        def reach(**copy: Any) -> R:
            nonlocal reached
            reached = True
            return body(copy)

        try:
            return guard(self._sync(tool), tool, reach, **self._how(tool))(**arguments)
        except NotRun as error:
            # A tool that asks by itself, within the body, has its own to say.
            if reached:
                raise
            return error

    async def run_async(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        body: Callable[[dict[str, Any]], Awaitable[R]],
    ) -> Union[R, NotRun]:
        """As ``run``, with either client."""
        reached = False

        async def reach(**copy: Any) -> R:
            nonlocal reached
            reached = True
            return await body(copy)

        try:
            held: Callable[..., Awaitable[R]] = async_guard(
                self._async(), tool, reach, **self._how(tool)
            )
            return await held(**arguments)
        except NotRun as error:
            if reached:
                raise
            return error

    async def sounding(self, tool: str, arguments: Mapping[str, Any]) -> Optional[NotRun]:
        """What stands in the way of a call, for frameworks that stop before its time to run."""
        try:
            await async_sounding(self._async(), tool, arguments, Asking(**self._how(tool)))
        except NotRun as error:
            return error
        return None

    def permit(self, tool: str, arguments: Mapping[str, Any]) -> Union[Permit, NotRun]:
        """For frameworks whose hook has no body to run: it has to run right after this."""
        try:
            return permit(self._sync(tool), tool, arguments, Asking(**self._how(tool)))
        except NotRun as error:
            return error

    def report(self, tool: str, permitted: Permit, result: str) -> None:
        """What became of the run that a permit was for."""
        say(self._sync(tool), permitted.report(result))

    async def permit_async(
        self, tool: str, arguments: Mapping[str, Any]
    ) -> Union[Permit, NotRun]:
        """For hosts that run a tool themselves: it has to be the next thing that they do."""
        try:
            return await async_permit(self._async(), tool, arguments, Asking(**self._how(tool)))
        except NotRun as error:
            return error

    async def report_async(self, permitted: Permit, result: str) -> None:
        """What became of the run that a permit was for."""
        await async_say(self._async(), permitted.report(result))

    def _sync(self, tool: str) -> Countersign:
        if isinstance(self._client, AsyncCountersign):
            message = f"{tool} did not run: called without asyncio, its guard needs a Countersign"
            raise NotRun(f"{message}, not an AsyncCountersign", code="guard_failed")
        return self._client

    def _async(self) -> AsyncCountersign:
        client = self._client
        if isinstance(client, Countersign):
            return cast(AsyncCountersign, _Awaited(client))
        return client

    def _how(self, tool: str) -> dict[str, Any]:
        facts, reason = self._facts, self._reason
        return {
            "facts": None if facts is None else lambda arguments: facts(tool, arguments),
            "reason": reason if isinstance(reason, str) else lambda args: reason(tool, args),
            "wait": self._wait,
            "on_pending": self._on_pending,
        }


def text_of(error: NotRun) -> str:
    """What a model is told, where it is told text."""
    return json.dumps(error.told())
