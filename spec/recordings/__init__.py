"""What went over the wire, kept: HAR 1.2 written and read, without secrets, and found again by what a request means."""
