"""huey on SQLite, with every commit synced. The database is BENCH_DATABASE."""

import os
import time

from huey import SqliteHuey
from work import work

huey = SqliteHuey(filename=os.environ["BENCH_DATABASE"], fsync=True, timeout=60)


@huey.task()
def job(argv):
    return work(argv)


def enqueue(argv):
    return job(argv)


def key(result):
    return result.id


def result(key):
    """huey tells no one that a result is there; its own `get` looks again too."""
    while (value := huey.result(key)) is None:
        time.sleep(0.05)
    return value
