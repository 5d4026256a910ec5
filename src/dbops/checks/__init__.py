"""The audit's core: rules, each a pure function, over one snapshot of a database's catalog.

`catalog/` reads the snapshot, `policy.py` holds what was declared, `rules/` say what is wrong, `runner.py` runs them.
"""
