"""Pydantic AI: a capability that lets a tool run only with a token for its call."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from pydantic_ai import ApprovalRequired, RunContext, ToolFailed
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_core import to_jsonable_python

from ._errors import NotRun
from ._framework import Client, Guarding, text_of
from ._guard import refusal_of

__all__ = ["CountersignCapability"]


class CountersignCapability(AbstractCapability[Any]):
    """Asks for every tool call of an agent, after all hooks that may change it.

    A call that waits for a person ends the run with ``DeferredToolRequests``, which the agent's
    ``output_type`` has to name; what is told of the call, its ``reference`` among it, is its
    metadata. Resumed with an approval, the call is asked for again as it is then. With
    ``defers=False`` the model is told at once that the call waits.
    """

    def __init__(self, client: Client, *, defers: bool = True, **how: Any) -> None:
        self._guarding = Guarding(client, **how)
        self._defers = defers

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        return _GuardedToolset(toolset, guarding=self._guarding, defers=self._defers)


@dataclass
class _GuardedToolset(WrapperToolset[Any]):
    guarding: Guarding
    defers: bool

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        # Validated arguments need not be JSON. Of this copy what is asked is made, and nothing
        # else holds it, so it is what runs.
        try:
            frozen = copy.deepcopy(tool_args)
            asked = to_jsonable_python(frozen)
        except Exception as error:
            raise ToolFailed(text_of(refusal_of(name, error))) from error

        async def body(_: dict[str, Any]) -> Any:
            return await self.wrapped.call_tool(name, frozen, ctx, tool)

        result = await self.guarding.run_async(name, asked, body)
        if not isinstance(result, NotRun):
            return result
        if result.code == "pending" and self.defers:
            raise ApprovalRequired(metadata=result.told())
        raise ToolFailed(text_of(result))
