"""The routes of each noun. The sync client wraps each method."""

from __future__ import annotations

from typing import Any, Mapping, Optional, TYPE_CHECKING
from urllib.parse import quote, urlencode

from ._answers import Json, is_approval
from ._receipts import organization_of, verified_claims, verified_receipt

if TYPE_CHECKING:
    from ._async_client import AsyncCountersign

#: The longest that a tool may take, and a little for the way.
_CALL_TIMEOUT_S = 310


def segment(id: str) -> str:
    """A part of a path that stays one."""
    if id in ("", ".", ".."):
        raise ValueError(f"No id: {id!r}")
    return quote(id, safe="")


def _query(**filter: Any) -> str:
    rows = {name: of for name, of in filter.items() if of is not None and of != 0}
    return f"?{urlencode(rows)}" if rows else ""


class _Routes:
    def __init__(self, client: "AsyncCountersign") -> None:
        self._client = client


class Approvals(_Routes):
    """Requests to people."""

    async def request(self, body: Mapping[str, Any]) -> Json:
        return await self._client.post("/v1/approvals", body, is_approval, once=True)

    async def get(self, id: str, *, wait: int = 0) -> Json:
        """By id or by reference; held until it changes, at most ``wait`` seconds."""
        path = f"/v1/approvals/{segment(id)}{_query(wait=wait)}"
        return await self._client.get(path, is_approval, held_seconds=wait)

    async def list(self, **filter: Any) -> Json:
        return await self._client.get(f"/v1/approvals{_query(**filter)}")

    async def cancel(self, id: str) -> Json:
        path = f"/v1/approvals/{segment(id)}/cancel"
        return await self._client.post(path, {}, is_approval, once=True)

    async def revoke(self, id: str) -> Json:
        path = f"/v1/approvals/{segment(id)}/revoke"
        return await self._client.post(path, {}, is_approval, once=True)


class Calls(_Routes):
    """Tools that Countersign runs itself, at the servers behind it."""

    async def run(self, body: Mapping[str, Any]) -> Json:
        """Sent again by its key where no answer came, which never runs it twice."""
        held = body.get("wait", 0)
        return await self._client.post(
            "/v1/calls", body, once=True, timeout_s=_CALL_TIMEOUT_S, held_seconds=held
        )

    async def get(self, id: str, *, wait: int = 0) -> Json:
        path = f"/v1/calls/{segment(id)}{_query(wait=wait)}"
        return await self._client.get(path, held_seconds=wait)


class Mandates(_Routes):
    """What users let agents do."""

    async def grant(self, body: Mapping[str, Any]) -> Json:
        return await self._client.post("/v1/mandates", body, once=True)

    async def get(self, id: str) -> Json:
        return await self._client.get(f"/v1/mandates/{segment(id)}")

    async def list(self, **filter: Any) -> Json:
        return await self._client.get(f"/v1/mandates{_query(**filter)}")

    async def revoke(self, id: str, body: Mapping[str, Any]) -> Json:
        return await self._client.post(f"/v1/mandates/{segment(id)}/revoke", body, once=True)


class Confirmations(_Routes):
    """Questions to a user."""

    async def statement(self, nonce: str) -> Json:
        return await self._client.post(f"/v1/confirmations/{segment(nonce)}/statement", {})

    async def answer(self, nonce: str, body: Mapping[str, Any]) -> Json:
        return await self._client.post(f"/v1/confirmations/{segment(nonce)}", body)

    async def get(self, id: str, *, wait: int = 0) -> Json:
        path = f"/v1/confirmations/{segment(id)}{_query(wait=wait)}"
        return await self._client.get(path, held_seconds=wait)


class Budgets(_Routes):
    """What may be spent, and what was."""

    async def list(self, **filter: Any) -> Json:
        return await self._client.get(f"/v1/budgets{_query(**filter)}")

    async def settle(self, body: Mapping[str, Any]) -> Json:
        return await self._client.post("/v1/budgets/settle", body, once=True)


class Receipts(_Routes):
    """Proofs of what was decided and done, verified before they are given."""

    async def get(self, id: str, keys: Optional[Json] = None) -> Json:
        """A receipt whose entry, proof and signature fit each other; else ``NotGenuine``.

        ``keys``: the log's keys that are trusted, kept from before. Without them the receipt's own
        shows that it is of one piece, not whose it is (``trusted`` is false).
        """
        return verified_receipt(await self._read(id), keys)

    async def signed(self, id: str, keys: Optional[Json] = None) -> Json:
        """A signed receipt (``rcp_…``), and its claims; else ``NotGenuine``."""
        receipt = (await self._read(id)).get("receipt")
        org = segment(organization_of(receipt))
        known = keys
        if known is None:
            known = await self._client.get(f"/.well-known/countersign/receipt-keys/{org}")
        claims = verified_claims(receipt, known)
        return {"receipt": receipt, "claims": claims, "trusted": keys is not None}

    async def _read(self, id: str) -> Json:
        return await self._client.get(f"/v1/receipts/{segment(id)}")
