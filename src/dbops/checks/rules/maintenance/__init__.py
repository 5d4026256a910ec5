"""What vacuum and analyze leave undone."""
