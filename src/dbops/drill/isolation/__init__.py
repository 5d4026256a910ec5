"""Whether tenants are kept apart, proven by trying: on the restored copy, where real tenants meet real policies.

`options.py` is what to prove, `targets.py` what there is to probe, `stage.py` the transaction that everything happens
in and that is never committed; `tables.py`, `writes.py`, `listed.py` and `surfaces.py` are the probes, `verdicts.py` is
what they come to, `prove.py` the order of it all. `live.py` is the variant for a production database: it reads, and
evaluates policies.
"""
