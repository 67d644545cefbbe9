"""How one mock server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mockserver.faults import FaultUse
from mockserver.latency import Latency
from mockserver.limits import RateLimit
from spec.drifts import DriftUse
from spec.profiles import PLAIN, Profile

__all__ = ["MEBIBYTE", "Latency", "Reach", "Settings"]
#: how far callbacks may go
Reach = Literal["loopback", "any"]
NO_LATENCY = Latency()
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a mock server can be told; times in seconds, sizes in bytes.

    `api_key` None accepts any key but those with `sk-wrong` in them. `task_polls` counts polls instead of time:
    the task is done at that poll. `models` are offered besides those the contract lists; `event_interval` lies
    between the events of a stream. A picture's link leads to it for `url_seconds`, None: for ever. `secret` (up to 64
    bytes) signs these links; empty, servers of equal settings hand out the same ones; with the same `redis` URL and
    secret they are one server. `rate_limits` hold per key; prompts with one of the `blocked` words are refused; after
    `quota_images` pictures no more are made. A body of which nothing comes for `body_seconds` is given up.
    `control_token` guards the control API; `cors` is the origin whose pages may call, `*` for all. `callbacks` says
    how far news of a task may go: to this machine only, or to any host.
    """

    host: str = "127.0.0.1"
    port: int = 4010
    profile: Profile = PLAIN
    drifts: tuple[DriftUse, ...] = ()
    contracts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seed: int = 0
    api_key: str | None = None
    latency: Latency = NO_LATENCY
    faults: tuple[FaultUse, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    blocked: tuple[str, ...] = ()
    quota_images: int | None = None
    control_token: str | None = None
    cors: str | None = None
    event_interval: float = 0.0
    task_seconds: float = 3.0
    task_polls: int | None = None
    callbacks: Reach = "loopback"
    max_body: int = 64 * MEBIBYTE
    picture_cache: int = 64 * MEBIBYTE
    blob_store: int = 128 * MEBIBYTE
    task_store: int = 128 * MEBIBYTE
    journal_store: int = 16 * MEBIBYTE
    url_seconds: float | None = 3600.0
    body_seconds: float = 60.0
    redis: str | None = None
    workers: int = 1
    secret: bytes = field(default=b"", repr=False)
