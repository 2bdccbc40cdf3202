"""CrewAI's own dispatcher, by itself: importing all of the package takes ten seconds, for models and
stores that no hook needs. The program of the page runs in the whole of it."""

import pathlib
import sys
import sysconfig
from types import ModuleType, SimpleNamespace

HOME = pathlib.Path(sysconfig.get_paths()["purelib"], "crewai")
for name in ["", "hooks", "utilities"]:
    package = ModuleType(f"crewai.{name}".rstrip("."))
    package.__path__ = [str(HOME / name)]
    sys.modules[package.__name__] = package
# What it tells of its hooks is told to nobody here; it does without where this cannot be imported.
sys.modules["crewai.events"] = None

from crewai.hooks.dispatch import HookAborted, InterceptionPoint, dispatch, on

from agent import BARE, NOW, client_of, refund_order, say
from countersign_sdk import Countersign
from countersign_sdk.crewai import guard_tools


def broken(context):
    raise TypeError("the hook is broken")


def replaced(context, result):
    """As its executors have what a hook after a call returns."""
    if isinstance(result, str):
        context.tool_result = result
    return isinstance(result, str)


if BARE:
    on(InterceptionPoint.PRE_TOOL_CALL)(broken)
else:
    guard_tools(client_of(Countersign))
call = SimpleNamespace(tool_name="refund_order", tool_input=dict(NOW), tool_result=None)
try:
    try:
        dispatch(InterceptionPoint.PRE_TOOL_CALL, call)
        call.tool_result = refund_order(**call.tool_input)
    except HookAborted:
        call.tool_result = "Tool execution blocked by hook. Tool: refund_order"
    dispatch(InterceptionPoint.POST_TOOL_CALL, call, reducer=replaced)
    say(call.tool_result)
except Exception as error:
    say(raised=error)
