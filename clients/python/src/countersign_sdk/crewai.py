"""CrewAI: hooks that let a tool run only with a token for its call."""

from __future__ import annotations

import threading
from typing import Any, Optional, Union, TYPE_CHECKING

from crewai.hooks.dispatch import HookAborted, InterceptionPoint, register

from ._client import Countersign
from ._errors import NotRun
from ._framework import Guarding, text_of
from ._guard import Permit

if TYPE_CHECKING:
    from crewai.hooks.tool_hooks import ToolCallHookContext

__all__ = ["CountersignHooks", "guard_tools"]

#: How CrewAI says, in place of a result, that there is none.
_NOT_DONE = ("Tool execution blocked by hook.", "Error executing tool")


class CountersignHooks:
    """Asks before each call, and tells the model or the log afterwards what became of it.

    CrewAI runs a tool although a hook of it broke; only ``HookAborted`` stops it, so that is what
    everything becomes here that is not a consumed token.
    """

    def __init__(self, client: Countersign, **how: Any) -> None:
        self._guarding = Guarding(client, **how)
        self._lock = threading.Lock()
        #: By the arguments that both hooks of a call are given, which are held as long.
        self._begun: dict[int, tuple[object, Union[Permit, NotRun]]] = {}

    def before(self, context: ToolCallHookContext) -> None:
        try:
            found = self._asked(context)
        except Exception as error:
            raise HookAborted(f"The guard failed ({type(error).__name__})", self) from error
        if isinstance(found, NotRun):
            raise HookAborted(text_of(found), self)

    def _asked(self, context: ToolCallHookContext) -> Union[Permit, NotRun]:
        arguments = context.tool_input
        found = self._guarding.permit(context.tool_name, arguments)
        with self._lock:
            self._begun[id(arguments)] = (arguments, found)
        if isinstance(found, Permit):
            # What runs is what was asked, whoever holds parts of it.
            arguments.clear()
            arguments.update(found.arguments)
        return found

    def after(self, context: ToolCallHookContext) -> Optional[str]:
        """The model gets what this returns, of a call that was stopped too."""
        with self._lock:
            _, found = self._begun.pop(id(context.tool_input), (None, None))
        if isinstance(found, NotRun):
            return text_of(found)
        if found is not None:
            done = not str(context.tool_result).startswith(_NOT_DONE)
            self._guarding.report(context.tool_name, found, "success" if done else "error")
        return None


def guard_tools(client: Countersign, **how: Any) -> CountersignHooks:
    """From now on every tool call of every crew in this process is asked for. Call it last: hooks
    that are registered later could change a call that was let through.

    Hooks cannot wait: a call that waits for a person is refused as ``pending``, and goes on when it
    is made again.
    """
    hooks = CountersignHooks(client, **how)
    register(InterceptionPoint.PRE_TOOL_CALL, hooks.before)
    register(InterceptionPoint.POST_TOOL_CALL, hooks.after)
    return hooks
