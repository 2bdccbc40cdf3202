"""FastMCP: a middleware that lets a tool of a server run only with a token for its call."""

from __future__ import annotations

from typing import Any

from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from mcp.types import CallToolRequestParams

from ._errors import NotRun
from ._framework import Client, Guarding, text_of

__all__ = ["CountersignMiddleware"]


class CountersignMiddleware(Middleware):
    """Asks for every tool call of a server. Added last, nothing changes a call afterwards.

    MCP has no way of stopping for a person: a call that waits for one is refused as ``pending``,
    and goes on when it is made again.
    """

    def __init__(self, client: Client, **how: Any) -> None:
        self._guarding = Guarding(client, **how)

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        message = context.message

        async def body(copy: dict[str, Any]) -> ToolResult:
            held = message.model_copy(update={"arguments": copy})
            return await call_next(context.copy(message=held))

        result = await self._guarding.run_async(message.name, message.arguments or {}, body)
        if isinstance(result, NotRun):
            # Whatever else is raised, a server may hide from its client.
            raise ToolError(text_of(result))
        return result
