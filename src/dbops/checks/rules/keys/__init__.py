"""Keys of tables."""
