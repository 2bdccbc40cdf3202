from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolApproved
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ToolReturnPart

from agent import BARE, LATER, NOW, client_of, refund_order, resumed, say
from countersign_sdk.pydantic_ai import CountersignCapability
from model import model


class Broken(AbstractCapability):
    async def before_tool_execute(self, ctx, *, call, tool_def, args):
        raise TypeError("the hook is broken")


agent = Agent(
    model,
    tools=[refund_order],
    capabilities=[Broken() if BARE else CountersignCapability(client_of())],
    output_type=[str, DeferredToolRequests],
)


def run(prompt=None, **more):
    result = agent.run_sync(prompt, **more)
    parts = [part for message in result.all_messages() for part in message.parts]
    told = [part.content for part in parts if isinstance(part, ToolReturnPart)]
    waiting = None
    if isinstance(result.output, DeferredToolRequests):
        waiting = result.output.metadata["call_1"]["reference"]
    say(told[-1] if told else None, waiting)
    return result, waiting


try:
    before, waiting = run("Refund order 17.")
    if waiting is not None and resumed():
        approved = ToolApproved(override_args=None if LATER == NOW else LATER)
        answers = DeferredToolResults(approvals={"call_1": approved})
        run(message_history=before.all_messages(), deferred_tool_results=answers)
except Exception as error:
    say(raised=error)
