"""dbops: is the schema as it should be, is there a backup, will it come back in time, and the proof of it."""

__version__ = "0.1.0"
