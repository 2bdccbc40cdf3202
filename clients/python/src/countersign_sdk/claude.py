"""Claude Agent SDK: sessions in which every tool call is asked for, by its hooks."""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, Optional, Union

from claude_agent_sdk import HookMatcher, PermissionResultAllow, PermissionResultDeny

from ._errors import NotRun
from ._framework import Client, Guarding, text_of
from ._guard import Permit

__all__ = ["guarded"]

#: What asking may take besides the waiting, seconds; the SDK blocks a call after the time.
_AROUND_S = 60


def _under_claude(tool: str) -> str:
    return f"claude/{tool}"


def guarded(
    client: Client, *, tool_name: Callable[[str], str] = _under_claude, wait: float = 0, **how: Any
) -> dict[str, Any]:
    """Options of a session: ``ClaudeAgentOptions(**guarded(client))``.

    Two questions stand before a call. The hook asks Countersign and uses up the token, whatever the
    SDK would allow by itself, and answers ``ask``, never ``allow``. So the SDK asks the second one,
    once all hooks have been heard: it lets through exactly what was authorized, and nothing that
    another hook made of it. Either refuses alone. ``tool_name`` says what Countersign knows a tool
    by, ``wait`` how long a call is held while a person decides, seconds.
    """
    session = _Session(Guarding(client, wait=wait, **{"reason": _reason, **how}), tool_name)

    def matcher(hook: Callable[..., Any]) -> list[HookMatcher]:
        return [HookMatcher(hooks=[hook], timeout=wait + _AROUND_S, on_failure="block")]

    hooks = {
        "PreToolUse": matcher(session.before),
        "PostToolUse": matcher(session.succeeded),
        "PostToolUseFailure": matcher(session.failed),
    }
    return {"hooks": hooks, "can_use_tool": session.can_use_tool}


def _reason(tool: str, _arguments: Mapping[str, Any]) -> str:
    return f"Claude calls {tool}"


class _Admitted:
    def __init__(self, tool: str, name: str, permit: Permit) -> None:
        self.tool = tool
        self.name = name
        self.permit = permit


class _Session:
    def __init__(self, guarding: Guarding, tool_name: Callable[[str], str]) -> None:
        self._guarding = guarding
        self._tool_name = tool_name
        # Their tokens are used up, and they have not been let through yet.
        self._admitted: dict[str, _Admitted] = {}
        self._running: dict[str, _Admitted] = {}

    async def before(self, call: Any, id_: Optional[str], _context: Any) -> dict[str, Any]:
        answer = await self._asked(call.get("tool_name"), call.get("tool_input"))
        if isinstance(answer, NotRun):
            return _decided("deny", text_of(answer))
        if id_ is not None:
            self._admitted[id_] = answer
        return _decided("ask", "It is authorized, and runs as it was authorized")

    async def can_use_tool(
        self, tool: str, arguments: dict[str, Any], context: Any
    ) -> Union[PermissionResultAllow, PermissionResultDeny]:
        id_ = context.tool_use_id or ""
        # Once: what comes again under the same name has no token left.
        answer = self._admitted.pop(id_, None) or await self._asked(tool, arguments)
        if not isinstance(answer, NotRun) and not _is_same(answer, tool, arguments):
            message = f"{tool} did not run: another hook changed the call after it was authorized"
            answer = NotRun(message, code="action_mismatch")
        if isinstance(answer, NotRun):
            return PermissionResultDeny(message=text_of(answer))
        self._running[id_] = answer
        return PermissionResultAllow(updated_input=dict(answer.permit.arguments))

    async def succeeded(self, _call: Any, id_: Optional[str], _context: Any) -> dict[str, Any]:
        return await self._reported(id_ or "", "success")

    async def failed(self, _call: Any, id_: Optional[str], _context: Any) -> dict[str, Any]:
        return await self._reported(id_ or "", "error")

    async def _asked(self, tool: Any, arguments: Any) -> Union[_Admitted, NotRun]:
        try:
            if not isinstance(tool, str) or not isinstance(arguments, dict):
                raise TypeError("This is no call")
            name = self._tool_name(tool)
        except Exception as error:
            message = f"{tool} did not run: its guard failed ({type(error).__name__})"
            return NotRun(message, code="guard_failed")
        permit = await self._guarding.permit_async(name, arguments)
        return permit if isinstance(permit, NotRun) else _Admitted(tool, name, permit)

    async def _reported(self, id_: str, result: str) -> dict[str, Any]:
        # Not let through by us: a hook for permissions may answer in our place.
        call = self._running.pop(id_, None) or self._admitted.pop(id_, None)
        if call is not None:
            await self._guarding.report_async(call.permit, result)
        return {}


def _decided(decision: str, reason: str) -> dict[str, Any]:
    return {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": decision,
            "permissionDecisionReason": reason,
        }
    }


def _is_same(answer: _Admitted, tool: str, arguments: Any) -> bool:
    """As bytes, not as values: to Python ``True`` and ``1`` are one."""
    return answer.tool == tool and _bytes(answer.permit.arguments) == _bytes(arguments)


def _bytes(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True)
