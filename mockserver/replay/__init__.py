"""A recording played: each request is answered as the one like it was."""
