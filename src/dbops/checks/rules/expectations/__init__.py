"""What was declared: indexes, constraints, tables, roles, and the plans of queries."""
