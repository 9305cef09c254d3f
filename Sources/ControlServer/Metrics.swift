import JobModel
import Supervisor

/// The Prometheus text format, version 0.0.4:
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
enum Metrics {
  static func text(_ status: DaemonStatus, _ counters: ServiceCounters) -> String {
    var page = MetricsPage()
    page.family("jobq_info", .gauge, "The version of the daemon.", [([("version", status.version)], 1)])
    page.family("jobq_uptime_seconds", .gauge, "Time since the daemon started.", [([], status.uptimeSeconds)])
    page.family(
      "jobq_jobs", .gauge, "Jobs in each queue and state.",
      status.queues.flatMap { queue in
        JobState.allCases.map { ([("queue", queue.name), ("state", $0.rawValue)], Double(queue.counts[$0])) }
      })
    page.family(
      "jobq_queue_paused", .gauge, "Whether the queue is paused by itself.",
      status.queues.map { ([("queue", $0.name)], $0.paused ? 1 : 0) })
    page.family(
      "jobq_queue_concurrency_limit", .gauge, "How many of the queue's jobs may run at once, where that is limited.",
      status.queues.compactMap { queue in queue.limits.concurrency.map { ([("queue", queue.name)], Double($0)) } })
    page.family("jobq_workers_busy", .gauge, "Attempts under way.", [([], Double(status.workers.busy))])
    page.family("jobq_workers_limit", .gauge, "Attempts that may be under way.", [([], Double(status.workers.limit))])
    page.family("jobq_paused", .gauge, "Whether all queues are paused.", [([], status.paused ? 1 : 0)])
    page.family("jobq_draining", .gauge, "Whether the daemon drains.", [([], status.draining ? 1 : 0)])
    page.family("jobq_storage_ok", .gauge, "Whether storage answers.", [([], status.storage.state == "ok" ? 1 : 0)])
    page.family(
      "jobq_unkillable_jobs", .gauge, "Jobs of which KILL did not end every process.",
      [([], Double(status.unkillable.count))])
    page.family("jobq_enqueued_total", .counter, "Jobs added since the start.", [([], Double(counters.enqueued))])
    page.family(
      "jobq_attempts_total", .counter, "Attempts ended since the start, by outcome.",
      Outcome.allCases.map { ([("outcome", $0.rawValue)], Double(counters.attemptsByOutcome[$0] ?? 0)) })
    page.family(
      "jobq_commits_total", .counter, "Transactions committed since the start.", [([], Double(counters.commits))])
    return page.text
  }
}

private struct MetricsPage {
  enum Kind: String { case gauge, counter }

  private(set) var text = ""

  mutating func family(_ name: String, _ kind: Kind, _ help: String, _ samples: [([(String, String)], Double)]) {
    guard !samples.isEmpty else { return }
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    for (labels, value) in samples {
      text += name
      if !labels.isEmpty {
        text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
      }
      // Whole numbers without a fraction, as every counter is.
      text += " \(Int64(exactly: value).map(String.init) ?? value.description)\n"
    }
  }

  /// A label's value: backslash, quotation mark and newline are escaped.
  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      switch character {
      case "\\": text += #"\\"#
      case "\"": text += #"\""#
      case "\n": text += #"\n"#
      default: text.append(character)
      }
    }
  }
}
