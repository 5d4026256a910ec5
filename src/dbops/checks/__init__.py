"""Rules over one catalog snapshot; pure functions, no connection."""
