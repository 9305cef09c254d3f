"""One rq worker, as `rq worker` makes it, over the Redis at BENCH_SOCKET."""

from rq import Worker
from rq_queue import queue, redis

Worker([queue], connection=redis).work(logging_level="ERROR")
