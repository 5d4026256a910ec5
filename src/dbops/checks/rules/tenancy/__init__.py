"""Whether tenants are kept apart by the database."""
