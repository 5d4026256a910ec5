"""Indexes that are missing, broken or superfluous."""
