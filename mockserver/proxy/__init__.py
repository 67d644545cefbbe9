"""The proxy: stands before a provider, forwards at once, judges both directions, records."""
