"""Signed callbacks, as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hmac
from hashlib import blake2b, sha256


def secret_of(seed: bytes) -> str:
    """The secret a server signs with, as receivers are told it: `whsec_` and base64; the same for the same seed."""
    return "whsec_" + base64.b64encode(blake2b(b"callbacks", digest_size=24, key=seed).digest()).decode()


def signed(secret: str, id_: str, at: float, body: bytes) -> dict[str, str]:
    """The headers that sign a body sent under this id at that moment (Unix seconds)."""
    text = f"{id_}.{int(at)}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, text, sha256)).decode()
    return {"webhook-id": id_, "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,{signature}"}
