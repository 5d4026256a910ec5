"""Run a program and print, as JSON, what it cost: seconds, seconds of processor time, peak KiB of memory, exit code.

A process of its own, since a child's peak memory starts at that of whoever started it: this one is small.
"""

import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
cost = {
    "seconds": took,
    "processor_seconds": usage.ru_utime + usage.ru_stime,
    "peak_kib": usage.ru_maxrss,
    "exit_code": process.returncode,
}
sys.stdout.write(json.dumps(cost))
