from agent import NOW


async def model(client):
    """Calls the tool once, as a model behind the client does."""
    return (await client.call_tool("refund_order", NOW)).data
