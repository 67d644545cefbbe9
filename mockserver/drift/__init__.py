"""Drifts played: one function per catalogued drift, at the place in the flow where the real fault sits."""

from mockserver.drift.registry import Plan, players

__all__ = ["Plan", "players"]
