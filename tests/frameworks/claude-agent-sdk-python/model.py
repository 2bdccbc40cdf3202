import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import NOW

#: What the model was told of its call.
told = []

TEXT = {"type": "text", "text": "I have read it."}
CALL = {"type": "tool_use", "id": "call_1", "name": "mcp__shop__refund_order", "input": NOW}


def results(body):
    blocks = [part for message in body["messages"] for part in message["content"]]
    found = [part for part in blocks if isinstance(part, dict) and part["type"] == "tool_result"]
    return [_plain(part["content"]) for part in found]


def _plain(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def events(block):
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "script"}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    started, delta = {**block, "input": {}}, {"type": "input_json_delta"}
    delta["partial_json"] = json.dumps(block.get("input"))
    reason = "tool_use"
    if block is TEXT:
        started, reason = {"type": "text", "text": ""}, "end_turn"
        delta = {"type": "text_delta", "text": TEXT["text"]}
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": started}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": usage}
    yield {"type": "message_stop"}


class Model(BaseHTTPRequestHandler):
    """Calls the tool once, and then has read what it was told."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = results(body) if "messages" in body else []
        told[:] = said or told
        # Titles and the like are asked for besides; those requests bring no tools.
        block = CALL if body.get("tools") and not said else TEXT
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events(block):
            text = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()

#: A model behind an address, and a home of its own for Claude Code.
os.environ |= {
    "HOME": tempfile.mkdtemp(),
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
    "ANTHROPIC_API_KEY": "none",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
