import asyncio

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import InMemoryRunner
from google.genai import types

from agent import BARE, LATER, client_of, refund_order, resumed, say
from countersign_sdk.adk import guard_tools
from model import model

CONFIRMING = "adk_request_confirmation"


class Broken(BasePlugin):
    async def before_tool_callback(self, *, tool, tool_args, tool_context):
        raise TypeError("the hook is broken")


tools = [refund_order] if BARE else guard_tools(client_of(), [refund_order])
shop = LlmAgent(name="shop", model=model, tools=tools)
plugins = [Broken(name="broken")] if BARE else []
runner = InMemoryRunner(app=App(name="shop", root_agent=shop, plugins=plugins))


async def run(session, part):
    message = types.Content(role="user", parts=[part])
    told = asked = None
    async for event in runner.run_async(user_id="u", session_id=session.id, new_message=message):
        for call in event.get_function_calls():
            asked = call if call.name == CONFIRMING else asked
        for response in event.get_function_responses():
            told = response.response
    if isinstance(told, dict) and set(told) == {"result"}:
        told = told["result"]
    waiting = asked and asked.args["toolConfirmation"]["payload"]["reference"]
    say(told, waiting)
    return asked


def change(session):
    """The session as whoever can write to it may have it, while the run stands still."""
    kept = runner.session_service.sessions["shop"]["u"][session.id]
    for event in kept.events:
        for call in event.get_function_calls():
            asked = call.args if call.name != CONFIRMING else call.args["originalFunctionCall"]["args"]
            asked.update(LATER)


async def main():
    session = await runner.session_service.create_session(app_name="shop", user_id="u")
    asked = await run(session, types.Part(text="Refund order 17."))
    if asked is not None and resumed():
        change(session)
        yes = {"confirmed": True}
        answer = types.FunctionResponse(id=asked.id, name=CONFIRMING, response=yes)
        await run(session, types.Part(function_response=answer))


try:
    asyncio.run(main())
except Exception as error:
    say(raised=error)
