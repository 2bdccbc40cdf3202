from langchain.agents import create_agent
from langchain.agents.middleware import wrap_tool_call
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from agent import BARE, LATER, NOW, client_of, refund_order, resumed, say
from countersign_sdk import Countersign
from countersign_sdk.langchain import CountersignMiddleware
from model import model


@wrap_tool_call
def broken(request, handler):
    raise TypeError("the hook is broken")


gate = broken if BARE else CountersignMiddleware(client_of(Countersign))
agent = create_agent(model, [refund_order], middleware=[gate], checkpointer=InMemorySaver())
THREAD = {"configurable": {"thread_id": "1"}}


def run(given):
    state = agent.invoke(given, THREAD)
    told = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    stopped = state.get("__interrupt__")
    waiting = stopped[0].value["reference"] if stopped else None
    say(told[-1].content if told else None, waiting)
    return waiting


def changed():
    """The state as whoever can write to it may have it, while the graph stands still."""
    [*_, asked] = agent.get_state(THREAD).values["messages"]
    other = AIMessage("", id=asked.id, tool_calls=[{**asked.tool_calls[0], "args": LATER}])
    agent.update_state(THREAD, {"messages": [other]}, as_node="model")
    return None


try:
    if run({"messages": [("user", "Refund order 17.")]}) is not None and resumed():
        run(Command(resume=True) if LATER == NOW else changed())
except Exception as error:
    say(raised=error)
