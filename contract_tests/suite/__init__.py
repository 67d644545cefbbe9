"""The contract tests that are shipped: what costs nothing first, then the cheapest pictures."""
