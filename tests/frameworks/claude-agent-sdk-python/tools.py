from claude_agent_sdk import create_sdk_mcp_server, tool

import model  # A model behind an address, which Claude Code finds.
from agent import refund_order

__all__ = ["model", "server"]


@tool("refund_order", "Refunds an order.", {"order_id": str, "amount": int})
async def refund(arguments):
    return {"content": [{"type": "text", "text": refund_order(**arguments)}]}


#: The tools of the program, as an MCP server within it.
server = create_sdk_mcp_server("shop", tools=[refund])
