import Foundation
import Testing
import Yams

@Suite("docs/openapi.yaml, held against the server")
struct OpenAPITests {
  private struct Answer {
    var status: Int
    var contentType: String
    var body: String
  }

  private let schema: JSONSchema

  init() throws {
    let path = ((#filePath as NSString).deletingLastPathComponent as NSString).appendingPathComponent(
      "../../docs/openapi.yaml")
    let document = try Yams.load(yaml: String(contentsOfFile: path, encoding: .utf8))
    schema = JSONSchema(document: try #require(document as? [String: Any]))
  }

  /// For each operation of the file the requests that bring out each of its answers that can be brought out: method, path, body, status.
  /// `{running}` and so on stand for jobs in that state.
  private static let script: [(String, String, String?, Int)] = [
    ("POST", "/v1/jobs", #"{"command":["true"]}"#, 201),
    ("POST", "/v1/jobs", #"{"command":["true"],"unique_key":"held"}"#, 200),
    ("POST", "/v1/jobs", #"{"command""#, 400), ("POST", "/v1/jobs", #"{"comand":["true"]}"#, 422),
    ("POST", "/v1/jobs", #"{"command":["true"],"priority":5000}"#, 422),
    ("GET", "/v1/jobs?limit=2&state=held,queued&label=a%3Db", nil, 200), ("GET", "/v1/jobs?limit=0", nil, 422),
    ("GET", "/v1/jobs?colour=red", nil, 422), ("GET", "/v1/jobs/{ended}", nil, 200),
    ("GET", "/v1/jobs/99999", nil, 404),
    ("POST", "/v1/jobs/{held}/release", nil, 200), ("POST", "/v1/jobs/{held}/release", nil, 409),
    ("POST", "/v1/jobs/99999/release", nil, 404), ("POST", "/v1/jobs/{scheduled}/hold", nil, 200),
    ("POST", "/v1/jobs/{ended}/hold", nil, 409), ("POST", "/v1/jobs/99999/hold", nil, 404),
    ("GET", "/v1/jobs/{running}/wait?timeout_seconds=0.01", nil, 200), ("GET", "/v1/jobs/{ended}/wait", nil, 200),
    ("GET", "/v1/jobs/99999/wait", nil, 404), ("GET", "/v1/jobs/{ended}/wait?timeout_seconds=soon", nil, 422),
    ("POST", "/v1/jobs/{running}/cancel", nil, 200), ("POST", "/v1/jobs/{ended}/cancel", nil, 409),
    ("POST", "/v1/jobs/99999/cancel", nil, 404), ("GET", "/v1/jobs/{ended}/log", nil, 200),
    ("GET", "/v1/jobs/99999/log", nil, 404), ("GET", "/v1/jobs/{ended}/log?stream=stdout", nil, 409),
    ("GET", "/v1/jobs/{ended}/log?tail=-1", nil, 422), ("POST", "/v1/jobs/{ended}/retry", nil, 200),
    ("POST", "/v1/jobs/99999/retry", nil, 404), ("POST", "/v1/jobs/{scheduled}/retry", nil, 409),
    ("PATCH", "/v1/jobs/{scheduled}", #"{"priority":5,"name":null,"labels":{"a":null}}"#, 200),
    ("PATCH", "/v1/jobs/{scheduled}", #"{"priority":5000}"#, 422), ("PATCH", "/v1/jobs/{scheduled}", "{}", 422),
    ("PATCH", "/v1/jobs/{running}", #"{"priority":5}"#, 409), ("PATCH", "/v1/jobs/99999", #"{"priority":5}"#, 404),
    ("PATCH", "/v1/jobs/{scheduled}", "{", 400),
    ("POST", "/v1/bulk/hold", #"{"labels":{"a":"b"},"name":"x*","dry_run":true}"#, 200),
    ("POST", "/v1/bulk/remove", #"{"state":["running"]}"#, 200), ("POST", "/v1/bulk/cancel", "{}", 422),
    ("POST", "/v1/bulk/burn", #"{"queue":"mail"}"#, 404), ("POST", "/v1/bulk/hold", "[", 400),
    ("GET", "/v1/jobs/{depended}/graph", nil, 200), ("GET", "/v1/jobs/99999/graph", nil, 404),
    ("GET", "/v1/jobs/{depended}/graph?limit=1001", nil, 422), ("POST", "/v1/prune", "{}", 200),
    ("POST", "/v1/prune", #"{"state":["running"]}"#, 422),
    ("POST", "/v1/prune", #"{"queue":"none","older_than_seconds":5,"keep":1,"logs_only":true}"#, 200),
    ("POST", "/v1/prune", "x", 400),
    ("DELETE", "/v1/jobs/{scheduled}", nil, 204), ("DELETE", "/v1/jobs/{scheduled}", nil, 404),
    ("DELETE", "/v1/jobs/{depended}", nil, 409), ("GET", "/v1/queues", nil, 200),
    ("PATCH", "/v1/queues/mail", #"{"paused":true,"concurrency":3}"#, 200), ("PATCH", "/v1/queues/mail", #"{"#, 400),
    ("PATCH", "/v1/queues/mail", #"{"rate":"30/m","per_key":{"label":"c","concurrency":1},"priority":5}"#, 200),
    ("PATCH", "/v1/queues/mail", #"{"paused":true,"reason":"why","for_seconds":60}"#, 200),
    ("PATCH", "/v1/queues/mail", #"{"rate":null,"per_key":null,"priority":null}"#, 200),
    ("PATCH", "/v1/queues/mail", #"{"rate":"0/m"}"#, 422), ("PATCH", "/v1/queues/mail", #"{"rate":30}"#, 422),
    ("PATCH", "/v1/queues/mail", #"{"per_key":{"concurrency":1}}"#, 422),
    ("PATCH", "/v1/queues/mail", #"{"reason":"why"}"#, 422), ("GET", "/v1/queues/mail", nil, 200),
    ("GET", "/v1/queues/none", nil, 404), ("GET", "/v1/jobs/{running}/why", nil, 200),
    ("GET", "/v1/jobs/{ended}/why", nil, 200), ("GET", "/v1/jobs/99999/why", nil, 404),
    ("PATCH", "/v1/queues/fixed", #"{"concurrency":3}"#, 409), ("PATCH", "/v1/queues/mail", #"{"concurrency":0}"#, 422),
    ("GET", "/v1/schedules", nil, 200), ("GET", "/v1/schedules/file", nil, 200),
    ("POST", "/v1/schedules", #"{"name":"tick","cron":"@every 1s","job":{"command":["true"],"env":{"A":"B"}}}"#, 201),
    ("POST", "/v1/schedules", #"{"name":"tick","cron":"@every 1s","job":{"command":["true"]}}"#, 409),
    ("POST", "/v1/schedules", #"{"name""#, 400), ("POST", "/v1/schedules", #"{"name":"x","cron":"@daily"}"#, 422),
    ("POST", "/v1/schedules", #"{"name":"x","cron":"0 0 31 2 *","job":{"command":["true"]}}"#, 422),
    ("PUT", "/v1/schedules/p", #"{"cron":"@daily","job":{"payload":{"to":1}},"paused":true}"#, 201),
    ("PUT", "/v1/schedules/p", #"{"cron":"@daily","job":{"payload":1.5},"timezone":"UTC"}"#, 200),
    ("PUT", "/v1/schedules/p", #"{"cron":"@daily","job":{"payload":1},"timezone":"Mars/Base"}"#, 422),
    ("PUT", "/v1/schedules/file", #"{"cron":"@daily","job":{"command":["true"]}}"#, 409),
    ("POST", "/v1/schedules/tick/run", nil, 201), ("POST", "/v1/schedules/none/run", nil, 404),
    ("GET", "/v1/schedules/tick?runs=1000", nil, 200), ("GET", "/v1/schedules/tick?runs=1001", nil, 422),
    ("GET", "/v1/schedules/none", nil, 404), ("POST", "/v1/schedules/tick/pause", nil, 200),
    ("POST", "/v1/schedules/none/pause", nil, 404), ("POST", "/v1/schedules/tick/resume", nil, 200),
    ("POST", "/v1/schedules/none/resume", nil, 404), ("DELETE", "/v1/schedules/tick", nil, 204),
    ("DELETE", "/v1/schedules/tick", nil, 404), ("DELETE", "/v1/schedules/file", nil, 409),
    ("GET", "/v1/schedules", nil, 200),
    ("GET", "/v1/status", nil, 200), ("POST", "/v1/pause", nil, 200),
    ("POST", "/v1/pause", #"{"reason":"why","for_seconds":60}"#, 200),
    ("POST", "/v1/pause", #"{"for_seconds":0}"#, 422),
    ("POST", "/v1/resume", nil, 200),
    ("GET", "/v1/events", nil, 200), ("GET", "/healthz", nil, 200), ("GET", "/metrics", nil, 200),
    ("POST", "/v1/drain", nil, 200),
    ("POST", "/v1/jobs", #"{"command":["true"]}"#, 503),
  ]

  @Test("every operation answers as the file says, with a body that fits its schema")
  func operations() async throws {
    let config = """
      workers: 2
      queues: {fixed: {concurrency: 1}}
      schedules: {file: {cron: "@yearly", command: ["true"], env: {A: B}}}

      """
    try await TestDaemon.run(config: config) { daemon in
      let jobs = [
        "{ended}": try await daemon.enqueue("-l", "a=b", "echo", "x"),
        "{held}": try await daemon.enqueue("--hold", "--unique", "held", "true"),
        "{scheduled}": try await daemon.enqueue("--delay", "1h", "true"),
        "{running}": try await daemon.enqueue("sleep", "600"), "{depended}": try await daemon.enqueue("--hold", "true"),
      ]
      _ = try await daemon.enqueue("--after", jobs["{depended}"]!, "true")
      try await daemon.jobq("wait", jobs["{ended}"]!)
      try await daemon.started(jobs["{running}"]!)
      var untried = Set(operationNames())
      for (method, path, body, status) in Self.script {
        var target = path
        for (name, id) in jobs { target = target.replacingOccurrences(of: name, with: id) }
        let answer = try await call(daemon, method, target, body)
        #expect(answer.status == status, "\(method) \(target): \(answer)")
        let (name, operation) = try #require(self.operation(method, path), "\(method) \(path) is not in the file")
        untried.remove(name)
        check(answer, operation, "\(method) \(target)")
      }
      #expect(untried.isEmpty, "no request for \(untried)")
    }
  }

  @Test("many lines in one body get one receipt, and a bad line is named")
  func bulk() async throws {
    try await TestDaemon.run { daemon in
      let good = try await call(
        daemon, "POST", "/v1/jobs", "{\"command\":[\"true\"]}\n{\"payload\":null}\n", type: "application/x-ndjson")
      #expect(good.status == 201 && good.body == #"{"count":2,"first_id":1,"last_id":2}"#)
      let bad = try await call(
        daemon, "POST", "/v1/jobs", "{\"command\":[\"true\"]}\n{}\n", type: "application/x-ndjson")
      #expect(bad.status == 422 && bad.body.contains(#""line":2"#))
    }
  }

  private func check(_ answer: Answer, _ operation: [String: Any], _ what: String) {
    guard var response = (operation["responses"] as? [String: Any])?["\(answer.status)"] as? [String: Any] else {
      Issue.record("\(what): \(answer.status) is not in the file")
      return
    }
    if let reference = response["$ref"] as? String { response = schema.resolve(reference) }
    guard let content = response["content"] as? [String: Any] else {
      #expect(answer.body.isEmpty, "\(what)")
      return
    }
    let type = String(answer.contentType.prefix { $0 != ";" })
    guard let media = content[type] as? [String: Any] else {
      Issue.record("\(what): \(type) is not in the file")
      return
    }
    guard type.hasSuffix("json"), let expected = media["schema"] else { return }
    do {
      let value = try JSONSerialization.jsonObject(with: Data(answer.body.utf8))
      let faults = schema.faults(value, expected)
      #expect(faults.isEmpty, "\(what): \(faults)")
    } catch {
      Issue.record("\(what): \(error) in \(answer.body)")
    }
  }

  private func operationNames() -> [String] {
    (schema.document["paths"] as? [String: [String: Any]] ?? [:]).flatMap { path, methods in
      methods.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
    }
  }

  /// The operation of the file that a request is for.
  private func operation(_ method: String, _ target: String) -> (String, [String: Any])? {
    let segments = target.prefix { $0 != "?" }.split(separator: "/")
    for (path, methods) in schema.document["paths"] as? [String: [String: Any]] ?? [:] {
      let pattern = path.split(separator: "/")
      guard pattern.count == segments.count, zip(pattern, segments).allSatisfy({ $0.hasPrefix("{") || $0 == $1 }),
        let operation = methods[method.lowercased()] as? [String: Any]
      else { continue }
      return ("\(method) \(path)", operation)
    }
    return nil
  }

  private func call(
    _ daemon: TestDaemon, _ method: String, _ target: String, _ body: String?, type: String = "application/json"
  )
    async throws -> Answer
  {
    // The event stream has no end: a second of it is enough.
    var arguments = [
      "-s", "--unix-socket", daemon.socket, "-X", method, "-w", "\n%{http_code} %{content_type}", "-m", "2",
    ]
    if target == "/v1/events" { arguments += ["-m", "0.5"] }
    if body != nil { arguments += ["-H", "content-type: \(type)", "--data-binary", "@-"] }
    let done = await
      (try Child(
        "/usr/bin/curl", arguments + ["http://jobq" + target], environment: ["PATH": "/usr/bin:/bin"], input: body))
      .wait()
    let end = try #require(done.out.lastIndex(of: "\n"), "\(method) \(target): \(done)")
    let words = done.out[done.out.index(after: end)...].split(separator: " ", maxSplits: 1).map(String.init)
    return Answer(
      status: Int(words.first ?? "") ?? 0, contentType: words.count > 1 ? words[1] : "", body: String(done.out[..<end]))
  }
}
