from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from agent import NOW


def answer(messages, _):
    """Calls the tool once, and then has read what it was told."""
    if any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        return ModelResponse([TextPart("I have read it.")])
    return ModelResponse([ToolCallPart("refund_order", NOW, "call_1")])


model = FunctionModel(answer)
