"""Contract tests: read meanings, judge providers."""
