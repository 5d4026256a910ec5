"""Recovery to a moment: a base backup and archived WAL, brought back to a time and to the last archived commit."""
