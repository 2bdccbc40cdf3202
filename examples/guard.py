"""Wraps a tool so that it runs only when Countersign authorized this very call."""
import json
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener


class NotRun(Exception):
    """The tool was not run; the message says why."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_):
        """The key is for the address that was given, and for no other."""


def guard(url, key, tool_name, run, wait=50):
    """Anything but an authorization raises, and `run` is not called. Who has to approve has `wait`
    seconds (0-50); calling again goes on where it was left."""
    opener = build_opener(_NoRedirects)
    headers = {"Content-Type": "application/json", "X-API-Key": key}

    def guarded(arguments, *, reason, **where):
        action = json.dumps({**where, "tool_name": tool_name, "arguments": arguments}, allow_nan=False)

        def post(path, **fields):
            body = json.dumps({**json.loads(action), **fields}).encode()
            try:
                with opener.open(Request(url + path, body, headers), timeout=wait + 10) as response:
                    return json.load(response)
            except HTTPError as error:
                raise NotRun(f"{tool_name}: {error.read().decode(errors='replace')}") from error

        def report(**outcome):
            try:
                post("/v1/executions/log", token=token, **outcome)
            except Exception:
                pass  # a report that is lost must not look like a tool that was not run

        answer = post("/v1/permissions/check", reason=reason, request=True, mint=True, wait=wait)
        token, token_id = answer.pop("token", None), answer.pop("token_id", None)
        if not token or not token_id:
            raise NotRun(f"{tool_name}: {json.dumps(answer)}")
        if post("/v1/tokens/consume", token=token)["token_id"] != token_id:
            raise NotRun(f"{tool_name}: its token is not consumed")
        try:
            result = run(**json.loads(action)["arguments"])
        except BaseException as error:
            report(execution_result="error", error=repr(error)[:4000])
            raise
        report(execution_result="success")
        return result

    return guarded
