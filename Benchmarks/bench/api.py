"""jobq's API over its Unix socket, for what is set up and looked at rather than timed."""

import http.client
import json
import socket


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

    def call(self, method: str, path: str, body=None, content: str = "application/json"):
        """The reply's JSON; `body` is sent as JSON unless it is text already."""
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": content} if data is not None else {})
        reply = self.connection.getresponse()
        text = reply.read().decode()
        if reply.status >= 300:
            raise Refused(reply.status, text)
        return json.loads(text) if text else None

    def enqueue(self, job: dict) -> int:
        return self.call("POST", "/v1/jobs", job)["id"]

    def enqueue_many(self, job: dict, count: int) -> dict:
        line = json.dumps(job, separators=(",", ":")) + "\n"
        return self.call("POST", "/v1/jobs", line * count, "application/x-ndjson")

    def jobs(self, **filters) -> list[dict]:
        """All that match, newest first, page by page."""
        found, before = [], None
        limit = filters.pop("limit", None)
        while True:
            words = [f"{key}={value}" for key, value in filters.items()] + [f"limit={limit or 1000}"]
            if before:
                words.append(f"before={before}")
            page = self.call("GET", "/v1/jobs?" + "&".join(words))
            found += page["jobs"]
            before = page["next_before"]
            if before is None or limit:
                return found

    def wait(self, job: int) -> dict:
        while True:
            answer = self.call("GET", f"/v1/jobs/{job}/wait?timeout_seconds=300")
            if answer["state"] in ("succeeded", "failed", "cancelled"):
                return answer

    def wait_for_all(self):
        """Until nothing is queued or running. Each step waits for one job's end; none looks again and again."""
        for state in ("queued", "running"):
            while left := self.jobs(state=state, limit=1):
                self.wait(left[0]["id"])

    def status(self) -> dict:
        return self.call("GET", "/v1/status")

    def pause(self):
        self.call("POST", "/v1/pause")

    def resume(self):
        self.call("POST", "/v1/resume")
