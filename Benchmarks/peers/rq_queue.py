"""rq over Redis, which is at BENCH_SOCKET."""

import os
import time

from redis import Redis
from rq import Queue
from rq.job import Job
from work import work

redis = Redis(unix_socket_path=os.environ["BENCH_SOCKET"])
queue = Queue(connection=redis)


def enqueue(argv):
    return queue.enqueue(work, argv)


def enqueue_many(argv, count):
    queue.enqueue_many([Queue.prepare_data(work, (argv,)) for _ in range(count)])


def key(job):
    return job.id


def result(key):
    while (value := Job.fetch(key, connection=redis).return_value()) is None:
        time.sleep(0.05)
    return value
