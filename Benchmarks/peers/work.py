"""What a Python worker does with a job: runs the command, its output captured."""

import subprocess
import time


def work(argv):
    """When it began and ended, CLOCK_MONOTONIC in seconds."""
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return [began, time.monotonic()]
