"""A restore rehearsed in a throw-away server, compared and timed."""
