"""A mock's state in Redis, so that several processes are one server."""
