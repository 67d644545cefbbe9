"""Whether anybody listens where a provider is said to be: without that nothing is said about it, and nothing asked."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_SECONDS = 15.0
_ASK = "is the URL right? is the server running?"


def unreachable(root: str, seconds: float = _SECONDS) -> str:
    """Why nobody can be asked there, in a sentence; empty where somebody listens."""
    parts = urlsplit(root)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), min(seconds, _SECONDS)).close()
    except TimeoutError:
        return f"{host}:{port} takes no connection: {_ASK}"
    except (socket.gaierror, UnicodeError):
        return f"nobody knows the host {host}: {_ASK}"
    except OSError as error:
        return f"{host}:{port} takes no connection ({error.strerror or error}): {_ASK}"
    return ""
