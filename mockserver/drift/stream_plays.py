"""Drifts of event streams, played."""
