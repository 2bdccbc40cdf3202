import json
from typing import Optional

from crewai import BaseLLM

from agent import NOW


class Scripted(BaseLLM):
    """Calls the tool once, and then has read what it was told."""

    told: Optional[str] = None

    def supports_function_calling(self):
        return True

    def call(self, messages, tools=None, **_):
        heard = [message["content"] for message in messages if message["role"] == "tool"]
        if heard:
            self.told = heard[-1]
            return "I have read it."
        called = {"name": "refund_order", "arguments": json.dumps(NOW)}
        return [{"id": "call_1", "type": "function", "function": called}]


model = Scripted(model="scripted")
