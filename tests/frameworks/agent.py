"""What drivers in Python have alike, and is laid beside each of them: the client, the tool's body,
what its model calls it with, and the lines that go between a driver and the harness."""

import json
import os
import sys

import countersign_sdk

#: What the model calls the tool with, and what stands there when the run is resumed.
NOW = json.loads(os.environ["TOOL_ARGUMENTS"])
LATER = json.loads(os.environ.get("TOOL_ARGUMENTS_LATER") or "null") or NOW
#: Whether the framework's own hook is looked at, without Countersign.
BARE = os.environ.get("BARE") == "1"


def refund_order(order_id: str, amount: int) -> str:
    """Refunds an order."""
    with open(os.environ["EFFECT_FILE"], "a") as file:
        file.write(json.dumps({"order_id": order_id, "amount": amount}) + "\n")
    return f"refunded {amount} for {order_id}"


def _breaks(*_args, **_named):
    raise TypeError("the guard is broken")


def client_of(made=countersign_sdk.AsyncCountersign):
    """The client, sync or async, as the case has it."""
    time = int(os.environ.get("GUARD_TIMEOUT_MS", 10_000))
    url, key = os.environ["COUNTERSIGN_URL"], os.environ["COUNTERSIGN_API_KEY"]
    client = made(url=url, key=key, timeout_ms=time, check_timeout_ms=time)
    if os.environ.get("GUARD_BUG") == "1":
        for name in ["authorize", "check", "consume", "get", "log", "mint", "post", "sound"]:
            setattr(client, name, _breaks)
    return client


def say(told=None, waiting=None, raised=None):
    """One line to the harness: what came of a run."""
    if not (told is None or isinstance(told, str)):
        told = json.dumps(told)
    if raised is not None:
        raised = f"{type(raised).__name__}: {raised}"
    line = json.dumps({"told": told, "waiting": waiting, "raised": raised})
    # In one piece: frameworks write of their own, from other threads.
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()


def resumed():
    """Whether the harness has the run resumed; false where it leaves."""
    return sys.stdin.readline() == "resume\n"
