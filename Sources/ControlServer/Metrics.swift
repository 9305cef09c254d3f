import JobModel
import JobStore
import Supervisor

/// The numbers of the daemon, for `GET /metrics`. Counters and histograms count from its start.
struct Metrics {
  let status: DaemonStatus
  let startedAt: Timestamp
  let counters: ServiceCounters
  let store: StoreStatistics
  let connections: Int
  let connectionLimit: Int

  var text: String {
    var page = MetricsPage()
    daemon(&page)
    jobs(&page)
    attempts(&page)
    storage(&page)
    return page.text
  }

  private func daemon(_ page: inout MetricsPage) {
    page.gauge("jobq_info", "The version of the daemon.", [([("version", status.version)], 1)])
    page.gauge(
      "jobq_start_time_seconds", "When the daemon started, in seconds since 1970.",
      Double(startedAt.milliseconds) / 1000)
    page.gauge("jobq_uptime_seconds", "Time since the daemon started.", status.uptimeSeconds)
    page.gauge("jobq_workers_busy", "Attempts under way.", Double(status.workers.busy))
    page.gauge("jobq_workers_limit", "Attempts that may be under way.", Double(status.workers.limit))
    page.gauge("jobq_paused", "Whether all queues are paused.", status.paused ? 1 : 0)
    page.gauge("jobq_draining", "Whether the daemon drains.", status.draining ? 1 : 0)
    page.gauge(
      "jobq_unkillable_jobs", "Jobs of which KILL did not end every process.", Double(status.unkillable.count))
    page.gauge("jobq_connections", "Open connections to the control socket.", Double(connections))
    page.gauge("jobq_connections_limit", "Connections that may be open.", Double(connectionLimit))
    let hooks = counters.hooks
    page.gauge("jobq_hooks_running", "Hooks under way.", Double(hooks.running))
    page.counter("jobq_hooks_delivered_total", "Ends of jobs that a hook was told of.", hooks.delivered)
    page.counter("jobq_hooks_failed_total", "Runs of hooks that failed.", hooks.failed)
    page.counter("jobq_hooks_given_up_total", "Ends of jobs that no hook could be told of.", hooks.givenUp)
  }

  /// What is in the store now. The queues above the number that is counted apart are taken together.
  private func jobs(_ page: inout MetricsPage) {
    let apart = status.queues.prefix(ServiceCounters.mostQueues)
    var queues = apart.map { ($0.name, $0.counts) }
    let others = status.queues.dropFirst(apart.count)
    if !others.isEmpty { queues.append((ServiceCounters.others, others.reduce(StateCounts()) { $0 + $1.counts })) }
    page.gauge(
      "jobq_jobs", "Jobs in each queue and state.",
      queues.flatMap { name, counts in
        JobState.allCases.map { ([("queue", name), ("state", $0.rawValue)], Double(counts[$0])) }
      })
    page.gauge(
      "jobq_queue_paused", "Whether the queue is paused by itself.",
      apart.map { ([("queue", $0.name)], $0.paused ? 1 : 0) })
    page.gauge(
      "jobq_queue_concurrency_limit", "How many of the queue's jobs may run at once, where that is limited.",
      apart.compactMap { queue in queue.limits.concurrency.map { ([("queue", queue.name)], Double($0)) } })
  }

  private func attempts(_ page: inout MetricsPage) {
    let queues = counters.queues.sorted { $0.key < $1.key }
    page.counter("jobq_enqueued_total", "Jobs added.", queues.map { ([("queue", $0)], $1.enqueued) })
    page.counter(
      "jobq_attempts_total", "Attempts ended, by outcome.",
      queues.flatMap { name, queue in
        Outcome.allCases.map { ([("queue", name), ("outcome", $0.rawValue)], queue.attempts[$0] ?? 0) }
      })
    page.histogram(
      "jobq_job_wait_seconds",
      "From the time at which a job might have started (its arrival, or its time if that was later) to its first start.",
      queues.map { ([("queue", $0)], $1.wait) })
    page.histogram(
      "jobq_attempt_run_seconds", "From the start of an attempt to its recorded end.",
      queues.map { ([("queue", $0)], $1.run) })
  }

  private func storage(_ page: inout MetricsPage) {
    page.gauge("jobq_storage_ok", "Whether storage answers.", status.storage.state == "ok" ? 1 : 0)
    page.gauge("jobq_database_bytes", "The size of the database.", Double(store.databaseBytes))
    page.gauge("jobq_wal_bytes", "The size of the write-ahead log.", Double(store.walBytes))
    page.histogram(
      "jobq_commit_requests", "Requests that shared a transaction.", [([], store.commitRequests)])
    page.histogram(
      "jobq_commit_seconds", "From the beginning of a transaction to the end of its commit.",
      [([("synced", "yes")], store.syncedSeconds), ([("synced", "no")], store.unsyncedSeconds)])
  }
}
