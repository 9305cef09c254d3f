import Foundation
import JobModel
import Testing

@testable import ControlServer

@Suite("The metrics")
struct MetricsTests {
  @Test("are what Prometheus reads, for a daemon that has worked")
  func page() async throws {
    try await TestServer.with { server in
      for body in [#"{"command":["true"],"queue":"mail"}"#, #"{"command":["false"],"queue":"a:b@c"}"#] {
        _ = try await server.ask("GET", "/v1/jobs/\(try await server.enqueue(body))/wait")
      }
      _ = try await server.ask("PATCH", "/v1/queues/mail", body: #"{"concurrency":3}"#)
      let reply = try await server.ask("GET", "/metrics")
      #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      let families = try Exposition(reply.body).families
      func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.values.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
      }
      #expect(value("jobq_jobs", ["queue": "mail", "state": "succeeded"]) == 1)
      #expect(value("jobq_jobs", ["queue": "a:b@c", "state": "failed"]) == 1)
      #expect(value("jobq_enqueued_total", ["queue": "mail"]) == 1)
      #expect(value("jobq_attempts_total", ["queue": "mail", "outcome": "succeeded"]) == 1)
      #expect(value("jobq_attempts_total", ["queue": "mail", "outcome": "failed"]) == 0)
      #expect(value("jobq_attempts_total", ["queue": "a:b@c", "outcome": "failed"]) == 1)
      #expect(value("jobq_job_wait_seconds_count", ["queue": "mail"]) == 1)
      #expect(value("jobq_attempt_run_seconds_bucket", ["queue": "mail", "le": "+Inf"]) == 1)
      #expect(value("jobq_queue_concurrency_limit", ["queue": "mail"]) == 3)
      #expect(value("jobq_workers_limit") == 2 && value("jobq_workers_busy") == 0 && value("jobq_paused") == 0)
      #expect(value("jobq_storage_ok") == 1 && value("jobq_hooks_delivered_total") == 0)
      #expect(value("jobq_connections") ?? 0 >= 1 && value("jobq_connections_limit") ?? 0 > 1)
      #expect(value("jobq_commit_seconds_count", ["synced": "yes"]) ?? 0 >= 4)
      #expect(value("jobq_commit_requests_sum") ?? 0 >= 4)
      #expect(value("jobq_wal_bytes") ?? 0 > 0 && value("jobq_database_bytes") ?? 0 > 0)
      let started = try #require(value("jobq_start_time_seconds"))
      #expect(abs(started - Date().timeIntervalSince1970) < 600)
      try Promtool.check(reply.body)
    }
  }

  @Test("a label's value is escaped, and a family without samples is not there")
  func escapes() throws {
    var page = MetricsPage()
    page.gauge("a", "A.", [([("l", "x\"y\\z\nw")], 0.5), ([("l", "ü")], 1e300)])
    page.counter("b_total", "B.", [])
    page.histogram("c", "C.", [([], Histogram([1]))])
    #expect(
      page.text == """
        # HELP a A.
        # TYPE a gauge
        a{l="x\\"y\\\\z\\nw"} 0.5
        a{l="ü"} 1e+300
        # HELP c C.
        # TYPE c histogram
        c_bucket{le="1"} 0
        c_bucket{le="+Inf"} 0
        c_sum 0
        c_count 0

        """)
    let samples = try Exposition(page.text).families["a"]?.samples
    #expect(samples?.first?.labels == ["l": "x\"y\\z\nw"])
  }

  @Test(
    "the reader of these tests refuses what Prometheus refuses",
    arguments: [
      "a 1", "# TYPE a gauge\na 1", "# HELP a A.\n# TYPE a gauge\na 1 ", "# HELP a A.\n# TYPE a gauge\na{l=x} 1\n",
      "# HELP a A.\n# TYPE a gauge\na 1\na 1\n", "# HELP a A.\n# TYPE a counter\na 1\n",
      "# HELP a A.\n# TYPE a gauge\nb 1\n", "# HELP a A.\n# TYPE a gauge\na{l=\"\\x\"} 1\n",
      "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
      "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
    ])
  func refused(_ text: String) { #expect(throws: TestFault.self) { try Exposition(text) } }
}

/// Prometheus's own checker, where `make deps` has put it.
private enum Promtool {
  static func check(_ text: String) throws {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let tool = package.appendingPathComponent(".build/promtool")
    guard FileManager.default.isExecutableFile(atPath: tool.path) else { return print("promtool is not there") }
    let process = Process()
    process.executableURL = tool
    process.arguments = ["check", "metrics"]
    let (input, output) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0 && said.isEmpty, "promtool: \(said)")
  }
}

/// A strict reader of the Prometheus text format: what it accepts, Prometheus does.
private struct Exposition {
  struct Sample {
    var name: String
    var labels: [String: String]
    var value: Double
  }

  struct Family {
    var kind: String
    var samples: [Sample] = []
  }

  private(set) var families: [String: Family] = [:]

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw TestFault("the last line is not ended") }
    var helped: String?
    var current: String?
    var seen: Set<String> = []
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
        helped = String(match.1)
      } else if let match = line.wholeMatch(of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/) {
        let name = String(match.1)
        guard helped == name, families[name] == nil else { throw TestFault("\(line): no help, or the second time") }
        guard (match.2 == "counter") == name.hasSuffix("_total") else { throw TestFault("\(line): a counter's name") }
        current = name
        families[name] = Family(kind: String(match.2))
      } else {
        let sample = try Self.sample(line)
        guard let current, let kind = families[current]?.kind else { throw TestFault("\(line): no family") }
        let names = kind == "histogram" ? ["_bucket", "_sum", "_count"].map { current + $0 } : [current]
        guard names.contains(sample.name) else { throw TestFault("\(line): not of \(current)") }
        guard seen.insert("\(sample.name) \(sample.labels.sorted { $0.key < $1.key })").inserted else {
          throw TestFault("\(line): the second time")
        }
        families[current]?.samples.append(sample)
      }
    }
    for (name, family) in families {
      if family.samples.isEmpty { throw TestFault("\(name): no samples") }
      if family.kind == "histogram" { try Self.check(histogram: name, family.samples) }
    }
  }

  private static func sample(_ line: Substring) throws -> Sample {
    let shape = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9.e+-]+)/
    guard let match = line.wholeMatch(of: shape), let value = Double(match.3) else { throw TestFault("\(line)") }
    var labels: [String: String] = [:]
    var rest = match.2 ?? ""
    while !rest.isEmpty {
      guard let label = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,(?=[a-z])|$)/),
        labels[String(label.1)] == nil
      else { throw TestFault("\(line): bad labels") }
      labels[String(label.1)] = unescaped(label.2)
      rest = rest[label.range.upperBound...]
    }
    return Sample(name: String(match.1), labels: labels, value: value)
  }

  private static func unescaped(_ text: Substring) -> String {
    var out = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        out.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        out.append(character)
      }
    }
    return out
  }

  private static func check(histogram name: String, _ samples: [Sample]) throws {
    let series = Dictionary(grouping: samples) { $0.labels.filter { $0.key != "le" } }
    for (labels, samples) in series {
      let buckets = samples.filter { $0.name == name + "_bucket" }
      let bounds = buckets.compactMap {
        $0.labels["le"] == "+Inf" ? Double.infinity : $0.labels["le"].flatMap(Double.init)
      }
      let counts = buckets.map(\.value)
      let sums = samples.filter { $0.name == name + "_sum" }
      let total = samples.filter { $0.name == name + "_count" }.map(\.value)
      guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
        counts == counts.sorted(), sums.count == 1, total == [counts.last]
      else { throw TestFault("\(name)\(labels): no histogram") }
    }
  }
}
