"""A Python queue at the same work as the C clients: `python driver.py huey|rq enqueue|bulk|fill|run|latency …`.

Prints one line of JSON. It runs in the venv that has the queue; its workers are started by the benchmarks, beside it.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import select
import statistics
import struct
import time


def enqueue_for(name: str, until: float, done):
    queue = importlib.import_module(f"{name}_queue")
    count = 0
    while time.monotonic() < until:
        queue.enqueue(["/bin/true"])
        count += 1
    with done.get_lock():
        done.value += count


def enqueue(name: str, options) -> dict:
    """Each client is a process: threads of one would share an interpreter."""
    importlib.import_module(f"{name}_queue")
    done = multiprocessing.Value("l", 0)
    started = time.monotonic()
    clients = [
        multiprocessing.Process(target=enqueue_for, args=(name, started + options.seconds, done))
        for _ in range(options.clients)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return {"per_second": done.value / (time.monotonic() - started)}


def bulk(name: str, options) -> dict:
    queue = importlib.import_module(f"{name}_queue")
    started = time.monotonic()
    queue.enqueue_many(["/bin/true"], options.count)
    return {"per_second": options.count / (time.monotonic() - started)}


def fill(name: str, options) -> dict:
    """Enqueues for `run`, before the workers are there; the jobs' keys go to a file, for `run` to ask for them."""
    queue = importlib.import_module(f"{name}_queue")
    with open(options.keys, "w") as keys:
        json.dump([queue.key(queue.enqueue(["/bin/true"])) for _ in range(options.count)], keys)
    return {}


def run(name: str, options) -> dict:
    """Waits for all results. Each says when the job began and ended, so that the workers' own start does not count."""
    queue = importlib.import_module(f"{name}_queue")
    with open(options.keys) as keys:
        times = [queue.result(key) for key in json.load(keys)]
    return {"per_second": len(times) / (max(end for _, end in times) - min(begin for begin, _ in times))}


def latency(name: str, options) -> dict:
    queue = importlib.import_module(f"{name}_queue")
    if not os.path.exists(options.fifo):
        os.mkfifo(options.fifo)
    stamps = os.open(options.fifo, os.O_RDWR)
    took = []
    # The first finds workers that are still starting.
    for number in range(options.count + 1):
        time.sleep(0.02)
        before = time.monotonic_ns()
        queue.enqueue([options.stamp, options.fifo])
        if not select.select([stamps], [], [], 30)[0]:
            raise SystemExit("the job did not start within 30 s")
        if number:
            took.append(struct.unpack("Q", os.read(stamps, 8))[0] - before)
        else:
            os.read(stamps, 8)
    return {"p50_ns": statistics.median(took)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["huey", "rq"])
    parser.add_argument("mode", choices=["enqueue", "bulk", "fill", "run", "latency"])
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--keys")
    parser.add_argument("--fifo")
    parser.add_argument("--stamp")
    options = parser.parse_args()
    print(json.dumps(globals()[options.mode](options.name, options)))


if __name__ == "__main__":
    main()
