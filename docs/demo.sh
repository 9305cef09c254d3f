#!/usr/bin/env bash
# A daemon in a scratch directory, real jobs, what became of them: `docs/demo.sh DIRECTORY-OF-THE-PROGRAMS`, or `make demo`.
# Every promise that it shows is checked; it exits other than 0 where one is not kept. Nothing outside the scratch directory is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=$(cd "${1:-.build/release}" && pwd)
repository=$PWD
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jobq-demo-XXXXXX")
export JOBQ_SOCKET="$scratch/jobq.sock" PATH="$programs:$PATH"
daemon=

finish() {
  code=$?
  if [ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null; then wait "$daemon" || true; fi
  [ "$code" = 0 ] || { echo "demo: FAILED; the daemon said:" >&2; cat "$scratch/daemon.log" >&2; }
  rm -rf "$scratch"
  exit "$code"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }
# Shows a command, then runs it.
show() { echo "\$ $*"; "$@"; }
# expect WHAT WANTED GOT
expect() { [ "$2" = "$3" ] || { echo "demo: $1: expected \"$2\", got \"$3\"" >&2; exit 1; }; }
# exit_of COMMAND…: its exit code.
exit_of() { local code=0; "$@" >/dev/null 2>&1 || code=$?; echo "$code"; }

say "A daemon of its own, in $scratch"
cat >"$scratch/jobq.yaml" <<END
workers: 4
shutdown_grace: 2s
queues:
  archive: {concurrency: 2}
END
show jobqd --config "$scratch/jobq.yaml" --check-config
start() {
  jobqd --config "$scratch/jobq.yaml" --state-dir "$scratch/state" --socket "$JOBQ_SOCKET" 2>>"$scratch/daemon.log" &
  daemon=$!
  # 69: nobody answers there yet.
  while [ "$(exit_of jobq status)" = 69 ]; do
    kill -0 "$daemon" 2>/dev/null || { echo "demo: the daemon did not start" >&2; exit 1; }
    sleep 0.05
  done
}
start

say "The sources of this repository, packed and checksummed, each directory a job; the sum waits for all of them"
archives=()
for directory in Sources/*/; do
  name=$(basename "$directory")
  archives+=("$(jobq enqueue -q archive -n "pack $name" --cwd "$repository" -- \
    tar -czf "$scratch/$name.tar.gz" -C Sources "$name")")
done
sums=$(jobq enqueue -n sums --after "$(IFS=,; echo "${archives[*]}")" --cwd "$scratch" -- sh -c 'sha256sum *.tar.gz | tee SHA256SUMS')
echo "jobs ${archives[*]}, then $sums"

say "One that fails twice and is retried"
flaky=$(jobq enqueue -n flaky --retries 3 --backoff 100ms --cwd "$scratch" -- \
  sh -c 'echo "attempt $JOBQ_ATTEMPT"; [ "$JOBQ_ATTEMPT" -ge 3 ] || exit 75')
say "One that takes too long, with a child that ignores TERM and left its session"
slow=$(jobq enqueue -n slow --timeout 1s --kill-grace 500ms --cwd "$scratch" -- \
  sh -c 'setsid sh -c "trap \"\" TERM; echo \$\$ > child.pid; exec sleep 600" & sleep 600')
say "One that fails for good, and one that must not start after it"
broken=$(jobq enqueue -n broken -- sh -c 'echo "cannot go on" >&2; exit 3')
never=$(jobq enqueue -n never --after "$broken" -- touch "$scratch/never")

show jobq queues
say "Their ends"
expect "wait for the sums" 0 "$(exit_of jobq wait "$sums" --timeout 120s)"
expect "wait for the flaky job" 0 "$(exit_of jobq wait "$flaky" --timeout 60s)"
expect "wait for the slow job" 124 "$(exit_of jobq wait "$slow" --timeout 60s)"
expect "wait for the broken job" 3 "$(exit_of jobq wait "$broken" --timeout 60s)"
expect "wait for the job after it" 125 "$(exit_of jobq wait "$never" --timeout 60s)"
show jobq list
show jobq status "$flaky"
show jobq logs "$sums"

expect "the flaky job's last words" "attempt 3" "$(jobq logs "$flaky")"
expect "the broken job's last words" "cannot go on" "$(jobq logs "$broken")"
[ ! -e "$scratch/never" ] || expect "a job after a failed one" "not started" "started"
child=$(cat "$scratch/child.pid")
# Dead is dead, whether or not init has taken note of it yet.
[ ! -e "/proc/$child" ] || grep -q '^State:.*Z' "/proc/$child/status" || expect "the slow job's child $child" gone alive
(cd "$scratch" && sha256sum --check --quiet SHA256SUMS)
expect "archives" "${#archives[@]}" "$(wc -l <"$scratch/SHA256SUMS")"

say "kill -9 of the daemon in the middle of a job, and a new daemon: the job runs again, at no cost"
hardy=$(jobq enqueue -n hardy --cwd "$scratch" -- \
  sh -c 'echo "attempt $JOBQ_ATTEMPT"; [ "$JOBQ_ATTEMPT" = 1 ] || exit 0; touch seen; exec sleep 600')
until [ -e "$scratch/seen" ]; do sleep 0.05; done
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
start
expect "wait for the hardy job" 0 "$(exit_of jobq wait "$hardy" --timeout 60s)"
show jobq status "$hardy"
expect "the hardy job's last words" "attempt 2" "$(jobq logs "$hardy")"

say "A clean stop"
show jobq status
kill -TERM "$daemon"
code=0; wait "$daemon" || code=$?
daemon=
expect "exit code of the daemon" 0 "$code"
say "demo: everything was as promised"
