"""OpenAI Agents: tools that run only with a token for their call."""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any, Iterable, List

from agents import FunctionTool, RunContextWrapper, Tool
from agents.tool_context import ToolContext

from ._errors import NotRun
from ._framework import Client, Guarding, text_of

__all__ = ["guard_tools"]


def guard_tools(
    client: Client, tools: Iterable[Tool], *, interrupts: bool = True, **how: Any
) -> List[Tool]:
    """The same tools, each of which asks under its name before its body runs.

    A call that waits for a person interrupts the run, and ``on_pending`` is told of its request.
    Approved or not in the run's state, the call is asked for again, as it is then. With
    ``interrupts=False`` the model is told at once that the call waits.

    Raises ``TypeError`` for a tool without a body of its own: what the provider runs cannot be held.
    """
    guarding = Guarding(client, **how)
    return [_guarded(guarding, tool, interrupts) for tool in tools]


def _guarded(guarding: Guarding, tool: Tool, interrupts: bool) -> FunctionTool:
    if not isinstance(tool, FunctionTool):
        raise TypeError(f"{tool.name} is no function tool, so nothing can stop it: leave it out")
    name = tool.qualified_name

    async def invoke(context: ToolContext[Any], text: str) -> Any:
        async def body(arguments: dict[str, Any]) -> Any:
            return await tool.on_invoke_tool(context, json.dumps(arguments))

        arguments = _arguments(text)
        if arguments is None:
            message = f"{name} did not run: its arguments are no JSON object"
            return text_of(NotRun(message, code="guard_failed"))
        result = await guarding.run_async(name, arguments, body)
        return text_of(result) if isinstance(result, NotRun) else result

    async def needs_approval(
        context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str
    ) -> bool:
        own = tool.needs_approval
        if callable(own):
            said = own(context, arguments, call_id)
            own = await said if inspect.isawaitable(said) else said
        if own:
            return True
        found = await guarding.sounding(name, arguments)
        return found is not None and found.code == "pending"

    held = copy.copy(tool)
    held.on_invoke_tool = invoke
    if interrupts:
        held.needs_approval = needs_approval
    return held


def _arguments(text: str) -> Any:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
