"""What was declared to exist: critical indexes."""
