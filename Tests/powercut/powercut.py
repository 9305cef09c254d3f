"""Cuts the power of a disk under jobqd, again and again. Called by `run`, in a mount namespace of its own, as root."""

import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

CLIENTS = 16
EATMYDATA = next(iter(glob.glob("/usr/lib/*/libeatmydata.so*") + glob.glob("/usr/lib/libeatmydata.so*")), None)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def ask(path, method, target, body=b""):
    """One request on a connection of its own: status and document."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(path)
        peer.sendall(f"{method} {target} HTTP/1.1\r\nHost: j\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while chunk := peer.recv(1 << 16):
            answer += chunk
    head, _, document = answer.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    assert len(document) == length, "the reply was cut off"
    return int(head.split()[1]), json.loads(document)


class Daemon:
    def __init__(self, programs, directory, mount, environment=None, boot=None):
        self.socket = os.path.join(directory, f"{uuid.uuid4().hex[:8]}.sock")
        self.log = open(os.path.join(directory, "log"), "a+")
        words = [os.path.join(programs, "jobqd"), "--config", "/dev/null", "--state-dir", os.path.join(mount, "state"), "--socket", self.socket]
        if boot:
            words = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /proc/sys/kernel/random/boot_id; shift; exec "$@"', "sh", boot, *words]
        self.process = subprocess.Popen(
            words, stderr=self.log, env={"PATH": "/usr/bin:/bin", "HOME": "/root", "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
                                         **(environment or {})})
        end = time.monotonic() + 60
        while True:
            try:
                if ask(self.socket, "GET", "/healthz")[0] == 200:
                    return
            except (OSError, StopIteration):
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise AssertionError("jobqd does not start: " + self.log.read()[-2000:])
            time.sleep(0.02)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait()
        self.log.close()


class Client(threading.Thread):
    """Enqueues and cancels until the daemon is gone, and keeps the books: only what has been answered counts."""

    def __init__(self, daemon, number):
        super().__init__()
        self.daemon_, self.number = daemon, number
        self.enqueued, self.cancelled, self.asked = [], [], set()

    def run(self):
        path = self.daemon_.socket
        try:
            while True:
                request = {"command": ["true"]} if self.number % 2 else {"payload": self.number, "hold": True}
                status, job = ask(path, "POST", "/v1/jobs", json.dumps(request).encode())
                assert status == 201, job
                self.enqueued.append(job["id"])
                if self.number % 4 == 0:
                    self.asked.add(job["id"])
                    status, job = ask(path, "POST", f"/v1/jobs/{job['id']}/cancel")
                    assert status == 200, job
                    self.cancelled.append(job["id"])
        except (OSError, StopIteration, AssertionError, ValueError) as error:
            self.error = error


def cut(programs, case, eats=False):
    """One cut. Gives how much was acknowledged and what of it is missing."""
    directory = tempfile.mkdtemp(prefix="jobq-cut-", dir="/var/tmp")
    disk, copy, mount = (os.path.join(directory, name) for name in ("disk", "copy", "mount"))
    mounted = False
    daemon = None
    try:
        os.mkdir(mount)
        with open(disk, "wb") as file:
            file.truncate(96 << 20)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", disk)
        # A journal that is written when it is asked for, and not every five seconds beside it.
        run("mount", "-o", "loop,commit=300", disk, mount)
        mounted = True
        daemon = Daemon(programs, directory, mount, {"LD_PRELOAD": EATMYDATA} if eats else None)
        clients = [Client(daemon, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(random.uniform(0.5, 3))
        daemon.process.send_signal(signal.SIGKILL)
        shutil.copyfile(disk, copy)
        daemon.end(signal.SIGKILL)
        daemon = None
        for client in clients:
            client.join()
        run("umount", mount)
        mounted = False

        run("mount", "-o", "loop", copy, mount)
        mounted = True
        boot = os.path.join(directory, "boot_id")
        with open(boot, "w") as file:
            file.write(str(uuid.uuid4()) + "\n")
        enqueued = {number for client in clients for number in client.enqueued}
        cancelled = {number for client in clients for number in client.cancelled}
        if not os.path.exists(os.path.join(mount, "state", "jobq.db")):
            return len(enqueued), len(enqueued), 0
        daemon = Daemon(programs, directory, mount, boot=boot)
        found = {}
        before = ""
        while True:
            _, page = ask(daemon.socket, "GET", f"/v1/jobs?limit=1000{before}")
            found.update((job["id"], job["state"]) for job in page["jobs"])
            if page["next_before"] is None:
                break
            before = f"&before={page['next_before']}"
        missing = enqueued - found.keys()
        undone = {number for number in cancelled if found.get(number, "cancelled") != "cancelled"}
        report = ask(daemon.socket, "GET", "/v1/doctor")[1]
        bad = [line for line in report["findings"] if line["grade"] == "bad"]
        assert not bad, bad
        return len(enqueued) + len(cancelled), len(missing) + len(undone), len(found)
    finally:
        if daemon:
            daemon.end(signal.SIGKILL)
        if mounted:
            subprocess.run(["umount", "--lazy", mount])
        shutil.rmtree(directory, ignore_errors=True)


def main():
    programs, cases = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    random.seed(seed)
    print(f"power cuts from outside: SEED={seed} CASES={cases}", flush=True)
    acknowledged = 0
    for case in range(cases):
        count, missing, found = cut(programs, case)
        acknowledged += count
        print(f"cut {case + 1}: {count} changes acknowledged, {missing} missing, {found} jobs found", flush=True)
        if missing:
            sys.exit(f"cut {case + 1}: {missing} acknowledged changes are missing")
        assert count > 0, "nothing was acknowledged before the cut: this proves nothing"
    if EATMYDATA is None:
        print("teeth: SKIPPED: libeatmydata is missing (package libeatmydata1)")
    else:
        count, missing, _ = cut(programs, cases, eats=True)
        print(f"teeth: without fsync {missing} of {count} acknowledged changes are missing", flush=True)
        if not missing:
            sys.exit("without fsync nothing was lost: this test proves nothing")
    print(f"Tests/powercut: passed, {acknowledged} acknowledged changes over {cases} cuts, none missing")


main()
