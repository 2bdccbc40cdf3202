from agents.testing import ScriptedModel, assistant_message, function_call

from agent import NOW

#: Calls the tool once, and then has read what it was told.
model = ScriptedModel(
    [
        [function_call("refund_order", NOW, call_id="call_1")],
        [assistant_message("I have read it.")],
    ]
)
