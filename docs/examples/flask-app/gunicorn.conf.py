"""One process, several threads: every request may meet every other one, on one connection."""

worker_class = "gthread"
workers = 1
threads = 4
