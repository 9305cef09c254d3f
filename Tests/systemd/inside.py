"""What is asked of jobq under a real systemd. Runs in the container as root, called by jobq-test.service; each step is a sentence that
it proves. JOBQ_TEST_PHASE says which boot this is: `life`, or `again`, which finds what the first has left."""

import grp
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import traceback

STEPS = {"life": [], "again": []}


def step(phase, sentence):
    def add(function):
        STEPS[phase].append((sentence, function))
        return function
    return add


# Asking

def run(*words, user=None, ok=True, env=None, timeout=60):
    """Runs a command, as a user with the user's own groups, and gives what it printed; with ok=False the whole result."""
    identity = {}
    if user:
        groups = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
        identity = {"user": user, "group": user, "extra_groups": groups, "cwd": "/tmp"}
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=timeout, **identity)
    if not ok:
        return done
    assert done.returncode == 0, f"{words} exited {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def jobq(*words, user="alice", **options):
    return run("jobq", *words, user=user, **options)


def enqueue(*words):
    return jobq("enqueue", *words)


def job(number):
    return json.loads(jobq("status", number, "--json"))


def status():
    return json.loads(jobq("status", "--json"))


def show(name, unit="jobq.service"):
    return run("systemctl", "show", "--value", "--property", name, unit)


def until(what, question, seconds=30):
    """systemd tells nobody when a unit has come back, so this looks."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def started(number):
    return until(f"job {number} runs", lambda: job(number)["state"] == "running")


def exists(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def twice(path, then="exit 0"):
    """A command that runs on at its first attempt and ends at its second."""
    return ["sh", "-c", f"if [ -e {path} ]; then {then}; fi; touch {path}; exec sleep 300"]


# The first boot

@step("life", "the enabled service is up after the boot, and systemd knows that it is ready")
def _():
    until("jobq.service is active", lambda: show("ActiveState") == "active")
    assert show("ActiveState", "jobq.socket") == "active"
    assert show("User") == "jobq"


@step("life", "systemd finds nothing to complain of in the units, and the service is as closed as it can be")
def _():
    run("systemd-analyze", "verify", "--man=no", "jobq.service", "jobq.socket")
    run("systemd-analyze", "security", "--offline=true", "--threshold=40", "/usr/local/lib/systemd/system/jobq.service")


@step("life", "a member of the group jobq enqueues, and the job runs as the user jobq")
def _():
    number = enqueue("sh", "-c", "id -un; umask; pwd")
    assert jobq("wait", number) is not None
    assert jobq("logs", number).split("\n")[0] == "jobq", jobq("logs", number)


@step("life", "a stranger is refused with exit code 77")
def _():
    done = jobq("status", user="mallory", ok=False)
    assert done.returncode == 77, done
    assert "/run/jobq/jobq.sock" in done.stderr, done


@step("life", "the state directory is 0700 and the database and logs 0600, all of jobq's")
def _():
    root = pathlib.Path("/var/lib/jobq")
    assert root.stat().st_mode & 0o7777 == 0o700
    for path in root.rglob("*"):
        mode = path.stat().st_mode & 0o7777
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
        assert path.owner() == "jobq", path


@step("life", "jobs are contained by cgroups of the delegated tree")
def _():
    assert status()["containment"] == "cgroup", status()
    number = enqueue("cat", "/proc/self/cgroup")
    jobq("wait", number)
    lines = jobq("logs", number).splitlines()
    # Where the host has hierarchies of version 1 too, each has a line of its own.
    assert any(line.startswith("0::/system.slice/jobq.service/") for line in lines), lines
    assert "0::" + show("ControlGroup") not in lines, lines


@step("life", "a child that left the session with setsid, ignores TERM and lost its parent is gone when its job has ended")
def _():
    number = enqueue("sh", "-c", "setsid sh -c 'trap \"\" TERM; echo $$; exec 1>&- 2>&-; sleep 300' & sleep 0.3")
    jobq("wait", number)
    pid = jobq("logs", number)
    assert pid.isdigit(), pid
    assert not exists(pid), run("ps", "-ef")
    assert job(number)["outcome"] == "succeeded"


@step("life", "a job gets nothing of the service's: no notify socket, no listen descriptors, no journal stream")
def _():
    number = enqueue("sh", "-c", "env; ls /proc/self/fd | wc -l")
    jobq("wait", number)
    text = jobq("logs", number)
    for name in ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC", "JOURNAL_STREAM", "INVOCATION_ID", "STATE_DIRECTORY"]:
        assert name + "=" not in text, text
    # 0, 1, 2 and the directory that ls reads.
    assert text.split("\n")[-1].strip() == "4", text


@step("life", "a restart in the middle of a job records it as interrupted, and it runs again")
def _():
    number = enqueue(*twice("/tmp/restarted"))
    started(number)
    run("systemctl", "restart", "jobq.service")
    jobq("wait", number)
    attempts = [attempt["outcome"] for attempt in job(number)["attempts"]]
    assert attempts == ["interrupted", "succeeded"], attempts


@step("life", "kill -9 of the daemon ends its jobs too, the service comes back, and the job runs again")
def _():
    number = enqueue("sh", "-c", "echo $$; [ ! -e /tmp/killed ] || exit 0; touch /tmp/killed; exec sleep 300")
    started(number)
    until("the job has said its pid", lambda: os.path.exists("/tmp/killed"))
    pid = jobq("logs", number)
    os.kill(int(show("MainPID")), signal.SIGKILL)
    jobq("wait", number)
    assert not exists(pid)
    assert [attempt["outcome"] for attempt in job(number)["attempts"]] == ["interrupted", "succeeded"], job(number)


@step("life", "clients that connect while the daemon is down wait for it instead of being refused")
def _():
    run("systemctl", "stop", "jobq.service")
    assert show("ActiveState") == "inactive"
    assert os.path.exists("/run/jobq/jobq.sock")
    assert status()["pid"] == int(show("MainPID"))
    # Clients are answered a moment before the service says that it is ready.
    until("the service is ready", lambda: show("ActiveState") == "active")


@step("life", "a daemon that hangs is ended by the watchdog and comes back")
def _():
    before = show("MainPID")
    os.kill(int(before), signal.SIGSTOP)
    until("another daemon runs", lambda: show("MainPID") not in (before, "0") and show("ActiveState") == "active")
    number = enqueue("true")
    jobq("wait", number)
    assert job(number)["state"] == "succeeded"


@step("life", "a reload takes a good configuration over, and leaves the old one in force where it is bad")
def _():
    file = pathlib.Path("/etc/jobq/jobq.yaml")
    good = file.read_text()
    before = show("MainPID")
    file.write_text(good.replace("workers: 4", "workers: 7"))
    run("systemctl", "reload", "jobq.service")
    until("7 workers", lambda: status()["workers"]["limit"] == 7)
    file.write_text("workers: many\n")
    run("systemctl", "reload", "jobq.service")
    until("the complaint is logged", lambda: "jobq.yaml:1: workers:" in run("journalctl", "-u", "jobq.service", "--no-pager"))
    assert status()["workers"]["limit"] == 7
    assert show("MainPID") == before
    file.write_text(good)


@step("life", "with a bad configuration the service fails once with 78 and is not started over and over; mended, it starts")
def _():
    file = pathlib.Path("/etc/jobq/jobq.yaml")
    good = file.read_text()
    run("systemctl", "stop", "jobq.service")
    file.write_text("workers: many\n")
    assert run("systemctl", "start", "jobq.service", ok=False).returncode != 0
    assert show("ExecMainStatus") == "78", show("ExecMainStatus")
    assert show("ActiveState") == "failed"
    file.write_text(good)
    run("systemctl", "reset-failed", "jobq.service")
    run("systemctl", "start", "jobq.service")
    assert status()["workers"]["limit"] == 4


@step("life", "the journal has the daemon's lines with their priorities")
def _():
    lines = run("journalctl", "-u", "jobq.service", "-o", "json", "--no-pager").split("\n")
    entries = [json.loads(line) for line in lines]
    assert any(entry["PRIORITY"] == "5" for entry in entries if entry.get("_COMM") == "jobqd"), entries[-1]
    assert not any(str(entry.get("MESSAGE", "")).startswith("<") for entry in entries)


@step("life", "a job is followed through the journal by its number")
def _():
    number = enqueue("-q", "followed", "false")
    jobq("wait", number, ok=False)
    found = lambda *words: [
        json.loads(line) for line in run("journalctl", "-u", "jobq.service", "-o", "json", "--no-pager", *words).split("\n") if line]
    entry, = until("the failure is logged", lambda: found(f"JOBQ_ID={number}"))
    assert entry["MESSAGE"].startswith("job failed attempt=1") and entry["PRIORITY"] == "6", entry
    assert entry["JOBQ_QUEUE"] == "followed" and entry["JOBQ_OUTCOME"] == "failed", entry
    assert entry["SYSLOG_IDENTIFIER"] == "jobqd" and entry["_SYSTEMD_UNIT"] == "jobq.service", entry
    assert not found(f"JOBQ_ID={number}", "JOBQ_QUEUE=other")


@step("life", "a person's own daemon, by the user unit, runs jobs as that person, in cgroups, and stops cleanly")
def _():
    # A user's manager without a login: this container has no PAM to make one.
    pathlib.Path("/run/user-alice").mkdir(mode=0o700)
    shutil.chown("/run/user-alice", "alice", "alice")
    run("systemd-run", "--unit=alice-manager", "--uid=alice", "--property=Type=notify", "--property=Delegate=yes",
        "--setenv=XDG_RUNTIME_DIR=/run/user-alice", "--setenv=HOME=/run/user-alice", "/lib/systemd/systemd", "--user")
    own = {"XDG_RUNTIME_DIR": "/run/user-alice", "HOME": "/run/user-alice", "PATH": os.environ["PATH"]}
    run("systemctl", "--user", "start", "jobq.service", user="alice", env=own)
    assert json.loads(jobq("status", "--json", env=own))["containment"] == "cgroup"
    number = jobq("enqueue", "sh", "-c", "id -un; cat /proc/self/cgroup", env=own)
    jobq("wait", number, env=own)
    lines = jobq("logs", number, env=own).split("\n")
    assert lines[0] == "alice" and any("/alice-manager.service/" in line for line in lines), lines
    assert pathlib.Path("/run/user-alice/.local/state/jobq").stat().st_mode & 0o7777 == 0o700
    run("systemctl", "--user", "stop", "jobq.service", user="alice", env=own)
    result = run("systemctl", "--user", "show", "--value", "--property", "Result", "jobq.service", user="alice", env=own)
    assert result == "success", result
    run("systemctl", "stop", "alice-manager.service")


@step("life", "jobs that wait when the host goes down")
def _():
    pathlib.Path("/test/out/delayed").write_text(enqueue("--delay", "2s", "sh", "-c", "echo woke"))
    number = enqueue(*twice("/var/lib/jobq/second-boot", then="rm /var/lib/jobq/second-boot; exit 0"))
    pathlib.Path("/test/out/running").write_text(number)
    started(number)
    until("its first attempt is on its way", lambda: os.path.exists("/var/lib/jobq/second-boot"))


# The second boot

@step("again", "after a boot, waiting jobs go on without any client")
def _():
    # Nobody connects: the job's own last act is what is waited for.
    until("the running job has run again", lambda: not os.path.exists("/var/lib/jobq/second-boot"))
    log = pathlib.Path("/test/out/delayed").read_text()
    until("the service is active", lambda: show("ActiveState") == "active")
    jobq("wait", log)
    assert jobq("logs", log) == "woke"


@step("again", "the job that ran when the host went down was interrupted, at no cost, and has run again")
def _():
    number = pathlib.Path("/test/out/running").read_text()
    jobq("wait", number)
    found = job(number)
    assert found["state"] == "succeeded", found
    assert [attempt["outcome"] for attempt in found["attempts"]] == ["interrupted", "succeeded"], found


@step("again", "an orderly stop leaves no process of a job behind")
def _():
    number = enqueue("sh", "-c", "echo $$; exec sleep 300")
    started(number)
    pid = until("it has said its pid", lambda: jobq("logs", number))
    run("systemctl", "stop", "jobq.socket", "jobq.service")
    assert not exists(pid)
    assert show("Result") == "success", show("Result")
    done = jobq("status", ok=False)
    assert done.returncode == 69, done


def main():
    phase = os.environ["JOBQ_TEST_PHASE"]
    failed = 0
    for sentence, function in STEPS[phase]:
        begin = time.monotonic()
        try:
            function()
            print(f"ok     {sentence} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {sentence}\n{traceback.format_exc()}", flush=True)
    with open("/test/out/journal", "w") as journal:
        subprocess.run(["journalctl", "--no-pager", "-u", "jobq.service", "-u", "jobq.socket"], stdout=journal)
    if not failed:
        pathlib.Path("/test/out/passed").touch()
    sys.exit(1 if failed else 0)


main()
