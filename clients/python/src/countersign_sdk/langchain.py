"""LangChain and LangGraph: a middleware that lets a tool run only with a token for its call."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Union

from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.types import Command, interrupt

from ._errors import NotRun
from ._framework import Client, Guarding, text_of

__all__ = ["CountersignMiddleware"]

Result = Union[ToolMessage, Command[Any]]


class _Failed(Exception):
    """A tool that failed, as LangGraph says it: the run is logged as an error."""

    def __init__(self, message: ToolMessage) -> None:
        super().__init__("the tool failed")
        self.message = message


class CountersignMiddleware(AgentMiddleware[Any, Any, Any]):
    """Asks for every tool call of an agent. Last in the list, nothing changes it afterwards.

    A call that waits for a person interrupts the graph with what is told of it, its ``reference``
    among it. Resumed, with any value, the call is asked for again as it is then. With
    ``interrupts=False`` the model is told at once that the call waits.
    """

    def __init__(self, client: Client, *, interrupts: bool = True, **how: Any) -> None:
        super().__init__()
        self._guarding = Guarding(client, **how)
        self._interrupts = interrupts

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]
    ) -> Result:
        call = request.tool_call

        def body(copy: dict[str, Any]) -> Result:
            return _succeeded(handler(_with(request, copy)))

        while True:
            try:
                result = self._guarding.run(call["name"], call["args"], body)
            except _Failed as failed:
                return failed.message
            if not isinstance(result, NotRun):
                return result
            if not self._waits(result):
                return _refusal(request, result)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        call = request.tool_call

        async def body(copy: dict[str, Any]) -> Result:
            return _succeeded(await handler(_with(request, copy)))

        while True:
            try:
                result = await self._guarding.run_async(call["name"], call["args"], body)
            except _Failed as failed:
                return failed.message
            if not isinstance(result, NotRun):
                return result
            if not self._waits(result):
                return _refusal(request, result)

    def _waits(self, error: NotRun) -> bool:
        """Stops the graph for a person; true when it goes on, and has to ask again."""
        if error.code != "pending" or not self._interrupts:
            return False
        # Run anew after a resumption, it returns what earlier ones were given, and stops then.
        interrupt(error.told())
        return True


def _with(request: ToolCallRequest, copy: dict[str, Any]) -> ToolCallRequest:
    return request.override(tool_call={**request.tool_call, "args": copy})


def _succeeded(result: Result) -> Result:
    if isinstance(result, ToolMessage) and result.status == "error":
        raise _Failed(result)
    return result


def _refusal(request: ToolCallRequest, error: NotRun) -> ToolMessage:
    call = request.tool_call
    name, id_ = call["name"], call["id"]
    return ToolMessage(text_of(error), name=name, tool_call_id=id_, status="error")
