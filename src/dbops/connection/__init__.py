"""Everything that reaches PostgreSQL or starts a program."""
