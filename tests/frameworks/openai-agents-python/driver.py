import asyncio
import json

from agents import Agent, RunState, Runner, function_tool

from agent import BARE, LATER, client_of, refund_order, resumed, say
from countersign_sdk.openai_agents import guard_tools
from model import model

asked = []
tool = function_tool(refund_order)


def broken(context, arguments, call_id):
    raise TypeError("the hook is broken")


if BARE:
    tools = [function_tool(refund_order, needs_approval=broken)]
else:
    tools = guard_tools(client_of(), [tool], on_pending=asked.append)
agent = Agent(name="shop", model=model, tools=tools)


async def run(given):
    result = await Runner.run(agent, given)
    outputs = [item.output for item in result.new_items if item.type == "tool_call_output_item"]
    waiting = asked[-1]["reference"] if result.interruptions else None
    say(outputs[-1] if outputs else None, waiting)
    return result, waiting


def changed(state):
    """The state as whoever keeps it may have it, while the run stands still."""

    def other(pairs):
        row = dict(pairs)
        # The SDK's own digests of what it had stopped.
        if "tool_invocations" in row:
            row["tool_invocations"] = {}
        if "arguments" in row and row.get("name") == "refund_order":
            row["arguments"] = json.dumps(LATER)
        return row

    return json.dumps(json.loads(state, object_pairs_hook=other))


async def main():
    result, waiting = await run("Refund order 17.")
    if waiting is not None and resumed():
        state = await RunState.from_string(agent, changed(result.to_state().to_string()))
        for item in state.get_interruptions():
            state.approve(item)
        await run(state)


try:
    asyncio.run(main())
except Exception as error:
    say(raised=error)
