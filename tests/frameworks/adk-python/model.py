from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from agent import NOW


class Scripted(BaseLlm):
    """Calls the tool once, and then has read what it was told."""

    async def generate_content_async(self, llm_request, stream=False):
        last = llm_request.contents[-1].parts[-1]
        part = types.Part(text="I have read it.")
        if last.function_response is None:
            call = types.FunctionCall(id="call_1", name="refund_order", args=NOW)
            part = types.Part(function_call=call)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


model = Scripted(model="scripted")
