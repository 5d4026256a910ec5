"""`--prove-fixes`: the audit's fixes, carried out on the restored copy before anybody runs them in production."""
