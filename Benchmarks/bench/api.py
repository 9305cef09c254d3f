"""jobq's API over its Unix socket, for what is set up and looked at rather than timed."""

import http.client
import json
import socket
import time


class Refused(Exception):
    def __init__(self, status: int, body: str):
        super().__init__(f"{status}: {body[:300]}")
        self.status = status


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float):
        super().__init__("jobq", timeout=seconds)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class API:
    def __init__(self, path, seconds: float = 600):
        self.connection = UnixConnection(str(path), seconds)
        self.last_used = 0.0

    def call(self, method: str, path: str, body=None, content: str = "application/json"):
        """The reply's JSON; `body` is sent as JSON unless it is text already."""
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        # The daemon closes a connection that is idle for long; http.client opens a closed one again.
        if time.monotonic() - self.last_used > 5:
            self.connection.close()
        self.connection.request(method, path, data, {"Content-Type": content} if data is not None else {})
        reply = self.connection.getresponse()
        text = reply.read().decode()
        self.last_used = time.monotonic()
        if reply.status >= 300:
            raise Refused(reply.status, text)
        return json.loads(text) if text else None

    def enqueue(self, job: dict) -> int:
        return self.call("POST", "/v1/jobs", job)["id"]

    def enqueue_many(self, job: dict, count: int) -> dict:
        line = json.dumps(job, separators=(",", ":")) + "\n"
        return self.call("POST", "/v1/jobs", line * count, "application/x-ndjson")

    def jobs(self, **filters) -> dict:
        """One page, newest first."""
        return self.call("GET", "/v1/jobs?" + "&".join(f"{key}={value}" for key, value in filters.items()))

    def newest(self, count: int) -> list[dict]:
        found, page = [], self.jobs(limit=1000)
        while len(found) < count and page["jobs"]:
            found += page["jobs"]
            if page["next_before"] is None:
                break
            page = self.jobs(limit=1000, before=page["next_before"])
        return found

    def wait(self, job: int) -> dict:
        while True:
            answer = self.call("GET", f"/v1/jobs/{job}/wait?timeout_seconds=300")
            if answer["state"] in ("succeeded", "failed", "cancelled"):
                return answer

    def wait_for_all(self):
        """Until nothing is queued or running. Each step waits for one job's end; none looks again and again."""
        for state in ("queued", "running"):
            while left := self.jobs(state=state, limit=1)["jobs"]:
                self.wait(left[0]["id"])

    def status(self) -> dict:
        return self.call("GET", "/v1/status")

    def pause(self):
        self.call("POST", "/v1/pause")

    def resume(self):
        self.call("POST", "/v1/resume")
