"""Google ADK: tools that run only with a token for their call."""

from __future__ import annotations

from typing import Any, Callable, Iterable, List, Optional, Union

from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.models.llm_request import LlmRequest
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.function_tool import FunctionTool
from google.adk.tools.tool_context import ToolContext
from google.genai.types import FunctionDeclaration

from ._errors import NotRun
from ._framework import Client, Guarding

__all__ = ["guard_tools"]

AnyTool = Union[BaseTool, BaseToolset, Callable[..., Any]]


def guard_tools(
    client: Client, tools: Iterable[AnyTool], *, confirms: bool = True, **how: Any
) -> List[Union[BaseTool, BaseToolset]]:
    """The same tools, each of which asks under its name before its body runs.

    A call that waits for a person requests a confirmation, whose payload is what is told of the
    call, its ``reference`` among it. Confirmed, the call is asked for again, as it is then. With
    ``confirms=False`` the model is told at once that the call waits.

    Raises ``TypeError`` for a tool without a body of its own: what the model runs cannot be held.
    """
    guarding = Guarding(client, **how)
    return [
        _GuardedToolset(tool, guarding, confirms)
        if isinstance(tool, BaseToolset)
        else _GuardedTool(
            tool if isinstance(tool, BaseTool) else FunctionTool(tool), guarding, confirms
        )
        for tool in tools
    ]


class _GuardedTool(BaseTool):
    """No function tool, so that nothing reaches the function but through here."""

    def __init__(self, tool: BaseTool, guarding: Guarding, confirms: bool) -> None:
        if type(tool).run_async is BaseTool.run_async:
            raise TypeError(f"{tool.name} has no run_async, so nothing can stop it: leave it out")
        super().__init__(
            name=tool.name,
            description=tool.description,
            is_long_running=tool.is_long_running,
            custom_metadata=tool.custom_metadata,
        )
        self._defers_response = tool._defers_response
        self._tool = tool
        self._guarding = guarding
        self._confirms = confirms

    def _get_declaration(self) -> Optional[FunctionDeclaration]:
        return self._tool._get_declaration()

    async def check_require_confirmation(
        self, args: dict[str, Any], tool_context: ToolContext
    ) -> bool:
        return await self._tool.check_require_confirmation(args, tool_context)

    async def process_llm_request(
        self, *, tool_context: ToolContext, llm_request: LlmRequest
    ) -> None:
        await self._tool.process_llm_request(tool_context=tool_context, llm_request=llm_request)
        # The tool may have put itself there, and is called by what stands there.
        if llm_request.tools_dict.get(self.name) is self._tool:
            llm_request.tools_dict[self.name] = self

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> Any:
        async def body(copy: dict[str, Any]) -> Any:
            return await self._tool.run_async(args=copy, tool_context=tool_context)

        answer = tool_context.tool_confirmation
        if answer is not None and not answer.confirmed:
            return {"error": "This tool call is rejected."}
        result = await self._guarding.run_async(self.name, args, body)
        if not isinstance(result, NotRun):
            return result
        told = result.told()
        if result.code == "pending" and self._confirms and answer is None:
            tool_context.request_confirmation(hint=str(result), payload=told)
            # Else the model is asked what to make of it, and makes the call again.
            tool_context.actions.skip_summarization = True
        return told


class _GuardedToolset(BaseToolset):
    def __init__(self, toolset: BaseToolset, guarding: Guarding, confirms: bool) -> None:
        super().__init__()
        self._toolset = toolset
        self._guarding = guarding
        self._confirms = confirms

    async def get_tools(self, readonly_context: Optional[ReadonlyContext] = None) -> List[BaseTool]:
        return [
            _GuardedTool(tool, self._guarding, self._confirms)
            for tool in await self._toolset.get_tools_with_prefix(readonly_context)
        ]

    async def process_llm_request(
        self, *, tool_context: ToolContext, llm_request: LlmRequest
    ) -> None:
        await self._toolset.process_llm_request(tool_context=tool_context, llm_request=llm_request)

    def get_auth_config(self) -> Any:
        return self._toolset.get_auth_config()

    async def close(self) -> None:
        await self._toolset.close()
