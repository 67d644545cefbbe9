"""Drifts played: moves at the place in the flow where the real fault sits, made as the catalogue's entries say."""

from mockserver.drift.registry import Plan, moves

__all__ = ["Plan", "moves"]
