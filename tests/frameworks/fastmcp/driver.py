import asyncio

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import Middleware

from agent import BARE, NOW, client_of, refund_order, say
from countersign_sdk.fastmcp import CountersignMiddleware


class Broken(Middleware):
    async def on_call_tool(self, context, call_next):
        raise TypeError("the hook is broken")


server = FastMCP("shop")
server.tool(refund_order)
server.add_middleware(Broken() if BARE else CountersignMiddleware(client_of()))


async def main():
    async with Client(server) as client:
        try:
            result = await client.call_tool("refund_order", NOW)
        except ToolError as error:
            say(str(error))
        else:
            say(result.data)


try:
    asyncio.run(main())
except Exception as error:
    say(raised=error)
