"""Where a provider is: the root of its address, from what people write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

_VERSION = re.compile(r"^/v\d\w*(?=/)", re.ASCII)
_ENDS_IN_A_VERSION = re.compile(r"[^/]/v\d\w*$", re.ASCII)


def root_of(url: str, paths: Iterable[str] = ()) -> str:
    """The root of a provider from what people have in OPENAI_BASE_URL, with or without what its `paths` begin with.

    Of `https://one.example/openai/v1` the end is left out that begins one of the paths, `/v1` in any case. Without a
    scheme it is https, on this machine http. Raises ValueError when it is no http URL; the text never repeats it, a key
    may be in it.
    """
    text = url.strip()
    try:
        if "://" not in text:
            text = f"{'http' if is_loopback(f'//{text}') else 'https'}://{text}"
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bad port, a bad IPv6 address
        usable = False
    if not usable or any(letter.isspace() for letter in text):
        raise ValueError("this is no http or https URL; expected something like https://api.example.com/v1")
    if parts.query or parts.fragment:
        raise ValueError("a URL with ? or # is no base URL; expected something like https://api.example.com/v1")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user or password is not used; the key belongs in a variable of its own")
    steps = parts.path.rstrip("/").split("/")
    ends = ["/".join(["", *steps[index:]]) for index in range(1, len(steps))]
    known = next((end for end in ends if end == "/v1" or any(path.startswith(f"{end}/") for path in paths)), "")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(known)}".rstrip("/")


def joined(root: str, path: str) -> str:
    """The address of a path below a root; a version that the root ends in stands for the one the path begins with.

    Of `https://one.example/api/v3` and `/v1/images/edits` that is `https://one.example/api/v3/images/edits`.
    """
    return root + (_VERSION.sub("", path, count=1) if _ENDS_IN_A_VERSION.search(root) else path)


def is_loopback(root: str) -> bool:
    """Whether the provider is on this machine."""
    host = urlsplit(root).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
