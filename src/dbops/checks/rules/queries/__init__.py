"""Rules about what the database is asked to do, and whether anybody would see it."""
