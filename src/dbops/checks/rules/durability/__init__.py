"""Rules about what survives a crash, a lost disk or a wrong statement."""
