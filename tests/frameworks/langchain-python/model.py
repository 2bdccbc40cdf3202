from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from agent import NOW


class Scripted(BaseChatModel):
    """Calls the tool once, and then has read what it was told."""

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **_):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **_):
        message = AIMessage("I have read it.")
        if not isinstance(messages[-1], ToolMessage):
            call = {"name": "refund_order", "args": NOW, "id": "call_1"}
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


model = Scripted()
