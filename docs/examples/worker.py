#!/usr/bin/env python3
"""An outside worker for jobq, with the standard library alone.

    worker.py [--socket PATH] [--batch N] [--lease SECONDS] [--once] QUEUE

It leases payload jobs of a queue, does each, and says how it went. Here a job's payload is an object such as
{"to": "someone@example.org", "text": "…"}, and doing it prints a line; put your own work into `handle`.

What makes it safe to kill at any moment: a job is gone from the queue only once `complete` has been answered. A worker
that dies says nothing, its leases end, and the jobs are leased to another; what it still says then is refused. So the
work of a job may be done twice, and must bear that.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time


class Jobq(http.client.HTTPConnection):
    """The daemon's API, over its Unix socket."""

    def __init__(self, path):
        super().__init__("jobq", timeout=90)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def post(self, target, body, patience=30):
        """Asks again, for a while, where the daemon is away: both calls here may be made twice."""
        until = time.monotonic() + patience
        while True:
            try:
                self.request("POST", target, json.dumps(body), {"Content-Type": "application/json"})
                reply = self.getresponse()
                answer = json.load(reply)
                if reply.status == 200:
                    return answer
                if reply.status != 503:
                    raise SystemExit(f"worker: {answer['detail']}")
            except (OSError, http.client.HTTPException, ValueError):
                self.close()
            if time.monotonic() > until:
                raise SystemExit(f"worker: no daemon at {self.path}")
            time.sleep(0.2)


def handle(payload):
    """The work itself. What it returns is the job's result; what it raises fails the job."""
    print(f"to {payload['to']}: {payload['text']}", flush=True)
    return {"sent_at": time.time()}


class Keeper(threading.Thread):
    """Extends the leases of a batch, at half of their time, until they are done."""

    def __init__(self, path, jobs, seconds):
        super().__init__(daemon=True)
        self.connection = Jobq(path)
        self.seconds = seconds
        self.jobs = jobs
        self.lost = set()
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(self.seconds / 2):
            held = [job for job in self.jobs if job["id"] not in self.lost]
            asked = [{"id": job["id"], "lease": job["lease"], "lease_seconds": self.seconds} for job in held]
            for verdict in self.connection.post("/v1/leases", {"extend": asked})["extend"]:
                if not verdict["ok"]:
                    self.lost.add(verdict["id"])


def work(path, jobs, seconds):
    """Does a batch; gives the reports for it."""
    complete, fail = [], []
    keeper = Keeper(path, jobs, seconds)
    keeper.start()
    for job in jobs:
        mine = {"id": job["id"], "lease": job["lease"]}
        if job["id"] in keeper.lost:
            continue  # Cancelled, or another's by now.
        try:
            complete.append({**mine, "result": handle(job["payload"])})
        except Exception as error:
            # A payload that cannot be read will not be better the next time.
            fail.append({**mine, "error": repr(error), "retry": not isinstance(error, (KeyError, TypeError))})
    keeper.ended.set()
    return {"complete": complete, "fail": fail}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("queue")
    parser.add_argument("--socket", default=os.environ.get("JOBQ_SOCKET", "/run/jobq/jobq.sock"))
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--lease", type=float, default=60)
    parser.add_argument("--once", action="store_true", help="end where nothing waits")
    options = parser.parse_args()

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    jobq = Jobq(options.socket)
    question = {
        "worker": f"{socket.gethostname()}/{os.getpid()}",
        "max": options.batch,
        "lease_seconds": options.lease,
        "wait_seconds": 0 if options.once else 20,
    }
    while not stopping.is_set():
        jobs = jobq.post(f"/v1/queues/{options.queue}/lease", question)["jobs"]
        if not jobs and options.once:
            return
        if jobs:
            verdicts = jobq.post("/v1/leases", work(options.socket, jobs, options.lease))
            for verdict in verdicts["complete"] + verdicts["fail"]:
                if not verdict["ok"]:
                    print(f"worker: {verdict['detail']}", file=sys.stderr)


if __name__ == "__main__":
    main()
