"""Wraps a tool so that it runs only when Countersign authorized this very call."""
import json
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener


class NotRun(Exception):
    """The tool was not run; the message says why, in one line."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_):
        """The key is for the address that was given, and for no other."""


def _tell(line):
    print(line, file=sys.stderr, flush=True)


def guard(url, key, tool_name, run, wait=300, tell=_tell):
    """Anything but an authorization raises, and `run` is not called. Where a human has to approve,
    `tell` is told where, and they have `wait` seconds; calling again goes on where it was left."""
    opener = build_opener(_NoRedirects)
    headers = {"Content-Type": "application/json", "X-API-Key": key}

    def send(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            with opener.open(Request(url + path, data, headers), timeout=60) as response:
                return json.load(response)
        except HTTPError as error:
            try:
                problem = json.load(error)
                why = f"{problem['detail']} ({problem['code']})"
            except (ValueError, KeyError, TypeError):
                why = f"Countersign answered {error.code}"
        except (OSError, HTTPException, ValueError):
            why = f"Countersign does not answer at {url}"
        raise NotRun(f"{tool_name} did not run: {why}")

    def guarded(arguments, *, reason, **where):
        action = json.dumps({**where, "tool_name": tool_name, "arguments": arguments}, allow_nan=False)

        def post(path, **more):
            return send(path, {**json.loads(action), **more})

        def report(**outcome):
            try:
                post("/v1/executions/log", token=token, **outcome)
            except Exception:
                pass  # a report that is lost must not look like a tool that was not run

        answer = post("/v1/permissions/check", reason=reason, request=True, mint=True)
        approval = answer.get("approval") or {}
        if approval.get("status") == "pending":
            tell(f"Waiting for a human: {approval['review_url']}")
        end = time.monotonic() + wait
        while approval.get("status") == "pending" and end - time.monotonic() >= 1:
            seconds = min(50, int(end - time.monotonic()))
            approval = send(f"/v1/approvals/{approval['id']}?wait={seconds}")
        if not answer.get("token") and approval.get("status") == "approved":
            answer = post("/v1/tokens/mint", approval_id=approval["id"])
        token, token_id = answer.get("token"), answer.get("token_id")
        if not token or not token_id:
            raise NotRun(f"{tool_name} did not run: {_why_not(answer, approval)}")
        if post("/v1/tokens/consume", token=token)["token_id"] != token_id:
            raise NotRun(f"{tool_name} did not run: its token is not consumed")
        try:
            result = run(**json.loads(action)["arguments"])
        except BaseException as error:
            report(execution_result="error", error=repr(error)[:4000])
            raise
        report(execution_result="success")
        return result

    return guarded


def _why_not(answer, approval):
    """Why there is no token. What people wrote stays on the one line."""
    status, reference = approval.get("status"), approval.get("reference")
    if status is None:
        return f"the answer is {answer.get('permission')} ({answer.get('resolved_from')})"
    if status == "pending":
        return f"nobody has decided {reference} yet: {approval['review_url']}"
    note = (approval.get("decisions") or [{}])[-1].get("note")
    return f"{reference} was {status}" + (f": {json.dumps(note)}" if note else "")
