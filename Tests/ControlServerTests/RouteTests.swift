import ControlServer
import Foundation
import JobModel
import Testing

@Suite("Routes") struct RouteTests {
  @Test("An enqueue answers 201 with the job and its place, the same key or request id 200 with that job")
  func enqueue() async throws {
    try await TestServer.with { server in
      let body = #"{"command":["true"],"hold":true,"unique_key":"k","request_id":"r","labels":{"a":"b"}}"#
      let first = try await server.ask("POST", "/v1/jobs", body: body)
      #expect(first.status == 201)
      #expect(first.headers["content-type"] == "application/json")
      #expect(first.headers["location"] == "/v1/jobs/1")
      #expect(try first.object()["submitted_by"] as? [String: Int] == ["uid": Int(getuid()), "pid": Int(getpid())])
      let again = try await server.ask("POST", "/v1/jobs", body: body)
      #expect(again.status == 200)
      #expect(again.body == first.body)
      let sameKey = try await server.ask("POST", "/v1/jobs", body: #"{"command":["x"],"unique_key":"k"}"#)
      #expect(sameKey.status == 200)
      let fetched = try await server.ask("GET", "/v1/jobs/1")
      #expect(fetched.body == first.body)
      // What curl's -d says of its type is no reason to refuse.
      let form = try await server.ask(
        "POST", "/v1/jobs", body: #"{"command":["true"]}"#,
        headers: ["Content-Type": "application/x-www-form-urlencoded"])
      #expect(form.status == 201)
    }
  }

  @Test("Each thing that a person asks of a job answers with the job, or 409 and why")
  func verbs() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["true"],"delay_seconds":3600}"#)
      for (method, path, status, state) in [
        ("POST", "hold", 200, "held"), ("POST", "release", 200, "scheduled"), ("POST", "release", 409, nil),
        ("POST", "cancel", 200, "cancelled"), ("POST", "cancel", 409, nil), ("POST", "hold", 409, nil),
        ("POST", "retry?with_dependents=true", 200, "queued"), ("GET", "wait?timeout_seconds=20", 200, "succeeded"),
      ] as [(String, String, Int, String?)] {
        let reply = try await server.ask(method, "/v1/jobs/\(id)/\(path)")
        #expect(reply.status == status, "\(path): \(reply)")
        if let state, state != "queued" { #expect(try reply.object()["state"] as? String == state, "\(path)") }
        if status == 409 { #expect(try reply.object()["code"] as? String == "wrong_state") }
      }
      let removed = try await server.ask("DELETE", "/v1/jobs/\(id)")
      #expect(removed.status == 204)
      #expect(removed.headers["content-length"] == nil)
      let gone = try await server.ask("GET", "/v1/jobs/\(id)")
      #expect(gone.status == 404)
      #expect(gone.detail == "there is no job \(id)")
    }
  }

  @Test("A number that is no job's is 404, one that is no number too")
  func noSuchJob() async throws {
    try await TestServer.with { server in
      for path in ["0", "-1", "x", "99999999999999999999", "1/log", "1/wait", "%00"] {
        let reply = try await server.ask("GET", "/v1/jobs/\(path)")
        #expect(reply.status == 404, "\(path)")
        #expect(reply.headers["content-type"] == "application/problem+json")
      }
      let put = try await server.ask("PUT", "/v1/jobs/1")
      #expect(put.status == 405)
      #expect(put.headers["allow"] == "GET, HEAD, PATCH, DELETE")
      for verb in ["cancel", "retry", "hold", "release"] {
        let reply = try await server.ask("POST", "/v1/jobs/7/\(verb)")
        #expect(reply.status == 404)
      }
    }
  }

  @Test("A listing is cut by state, queue and label, and paged")
  func listing() async throws {
    try await TestServer.with { server in
      for number in 0..<5 {
        _ = try await server.enqueue(
          #"{"command":["true"],"hold":true,"queue":"q\#(number % 2)","labels":{"n":"\#(number)","k":"a=b c"}}"#)
      }
      _ = try await server.enqueue(#"{"command":["true"],"delay_seconds":3600}"#)
      func ids(_ query: String) async throws -> [Int] {
        let reply = try await server.ask("GET", "/v1/jobs\(query)")
        return (try reply.object()["jobs"] as? [[String: Any]])?.compactMap { $0["id"] as? Int } ?? []
      }
      for (query, expected) in [
        ("", [6, 5, 4, 3, 2, 1]), ("?state=scheduled", [6]), ("?state=held,scheduled&limit=2", [6, 5]),
        ("?state=held&state=scheduled&limit=2&before=5", [4, 3]), ("?queue=q1", [4, 2]), ("?label=n=3", [4]),
        ("?label=n%3D3&label=k=a%3Db+c", [4]), ("?label=n=3&label=k=x", []),
      ] {
        let found = try await ids(query)
        #expect(found == expected, "\(query)")
      }
      let page = try await server.ask("GET", "/v1/jobs?limit=4")
      #expect(try page.object()["next_before"] as? Int == 3)
      let last = try await server.ask("GET", "/v1/jobs?limit=2&before=3")
      #expect(try last.object()["next_before"] is NSNull)
      for (query, field) in [
        ("state=tired", "state"), ("state=", "state"), ("limit=0", "limit"), ("label=x", "label"),
        ("queue=.a", "queue"),
        ("label=a=1&label=a=2", "label"), ("before=x", "before"), ("colour=red", "colour"),
      ] {
        let reply = try await server.ask("GET", "/v1/jobs?\(query)")
        #expect(reply.status == 422, "\(query)")
        #expect(try reply.object()["field"] as? String == field)
      }
    }
  }

  @Test("A parameter that a route does not take is refused, whatever the route")
  func strictQueries() async throws {
    try await TestServer.with { server in
      for (method, path) in [
        ("POST", "/v1/jobs"), ("GET", "/v1/jobs/1"), ("DELETE", "/v1/jobs/1"), ("POST", "/v1/jobs/1/cancel"),
        ("GET", "/v1/status"), ("POST", "/v1/drain"), ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/v1/events"),
        ("GET", "/v1/queues"), ("PATCH", "/v1/queues/a"),
      ] {
        let reply = try await server.ask(method, path + "?wat=1", body: method == "PATCH" ? "{}" : nil)
        #expect(reply.status == 422, "\(method) \(path)")
      }
    }
  }

  @Test("Queues and the daemon's flags are shown and set")
  func queuesAndDaemon() async throws {
    try await TestServer.with { server in
      let set = try await server.ask("PATCH", "/v1/queues/mail", body: #"{"paused":true,"concurrency":3}"#)
      #expect(set.body.hasPrefix(#"{"name":"mail","paused":true,"pause_reason":null,"#))
      #expect(set.body.contains(#""priority":0,"concurrency":3,"rate":null,"per_key":null,"counts":{"held":0,"#))
      let unset = try await server.ask("PATCH", "/v1/queues/mail", body: #"{"concurrency":null}"#)
      #expect(try unset.object()["paused"] as? Bool == true && unset.object()["concurrency"] is NSNull)
      for (name, body, status, field) in [
        ("mail", #"{"concurrency":0}"#, 422, "concurrency"), ("mail", #"{"rate":1}"#, 422, "rate"),
        ("mail", #"{"rate":"0/m"}"#, 422, "rate"), ("mail", #"{"per_key":{"concurrency":1}}"#, 422, "per_key.label"),
        ("mail", #"{"per_key":{"label":"k","concurrency":0}}"#, 422, "per_key.concurrency"),
        ("mail", #"{"per_key":{"label":"k","concurrency":1,"x":1}}"#, 422, "per_key.x"),
        ("mail", #"{"priority":1001}"#, 422, "priority"), ("mail", #"{"reason":"r"}"#, 422, "reason"),
        ("mail", #"{"paused":false,"for_seconds":1}"#, 422, "for_seconds"),
        ("mail", #"{"paused":true,"for_seconds":0}"#, 422, "for_seconds"), ("mail", #"{"paused":1}"#, 422, "paused"),
        (".mail", "{}", 422, "queue"), ("mail", "{", 400, nil),
        ("mail", "", 400, nil),
      ] as [(String, String, Int, String?)] {
        let reply = try await server.ask("PATCH", "/v1/queues/\(name)", body: body)
        #expect(reply.status == status, "\(body)")
        #expect(try reply.object()["field"] as? String == field)
      }
      for (action, flag, value) in [("pause", "paused", true), ("drain", "draining", true)] {
        let reply = try await server.ask("POST", "/v1/\(action)")
        #expect(try reply.object()[flag] as? Bool == value)
      }
      let refused = try await server.ask("POST", "/v1/jobs", body: #"{"command":["true"]}"#)
      #expect(refused.status == 503)
      #expect(try refused.object()["code"] as? String == "draining")
      let resumed = try await server.ask("POST", "/v1/resume", body: "{}")
      #expect(try resumed.object()["paused"] as? Bool == false)
      #expect(try resumed.object()["draining"] as? Bool == false)
      let status = try await server.ask("GET", "/v1/status")
      #expect(status.body.hasPrefix(#"{"version":"\#(JobQVersion.current)","pid":\#(getpid()),"uptime_seconds":"#))
    }
  }

  @Test("Many jobs come in one body, all or none, and a bad line is named by its number")
  func bulk() async throws {
    try await TestServer.with { server in
      _ = try await server.ask("POST", "/v1/pause")
      func send(_ text: String) async throws -> RawReply {
        try await server.ask("POST", "/v1/jobs", body: text, headers: ["Content-Type": "application/x-ndjson"])
      }
      let line = #"{"command":["true"],"queue":"bulk"}"# + "\n"
      let good = try await send(String(repeating: line, count: 3000))
      #expect(good.status == 201)
      #expect(good.body == #"{"count":3000,"first_id":1,"last_id":3000}"#)
      for (text, number) in [
        (String(repeating: line, count: 2500) + "{\"command\":5}\n" + line, 2501),
        ("\n" + line + "\n{\"command\":[]}\n", 4), (line + "nonsense\n", 2),
        (line + "\n\n{\"command\":[\"a\"],\"priority\":5000}", 4),
      ] {
        let bad = try await send(text)
        #expect(bad.status == (text.contains("nonsense") ? 400 : 422))
        #expect(try bad.object()["line"] as? Int == number)
        #expect(bad.detail.hasPrefix("line \(number): "), "\(bad.detail)")
      }
      for text in ["", "\n \n"] {
        let empty = try await send(text)
        #expect(empty.status == 422)
      }
      let queues = try await server.ask("GET", "/v1/queues")
      #expect(queues.body.contains(#""queued":3000"#))
    }
  }

  @Test("Forty megabytes of lines go through in pieces, and other clients are served meanwhile")
  func largeBulk() async throws {
    try await TestServer.with { server in
      _ = try await server.ask("POST", "/v1/pause")
      let client = try RawClient(server.path, patience: 120)
      let line = #"{"payload":"\#(String(repeating: "x", count: 400_000))"}"# + "\n"
      try await client.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Type: application/x-ndjson\r\n"
          + "Content-Length: \(line.utf8.count * 100)\r\n\r\n"
      )
      for number in 0..<100 {
        try await client.send(line)
        if number % 10 == 0 {
          let reply = try await server.ask("GET", "/healthz")
          #expect(reply.status == 200)
        }
      }
      #expect(try await client.reply().object()["count"] as? Int == 100)
      client.close()
    }
  }

  @Test("An environment's values are shown to the submitting user and to root, its names to all")
  func environmentIsMasked() async throws {
    let tool = "/usr/bin/setpriv"
    guard getuid() == 0, FileManager.default.isExecutableFile(atPath: tool) else { return }
    try await TestServer.with { server in
      #expect(chmod(server.path, 0o666) == 0 && chmod(server.directory, 0o711) == 0)
      let id = try await server.enqueue(#"{"command":["true"],"env":{"SECRET":"s3cret"}}"#)
      let mine = try await server.ask("GET", "/v1/jobs/\(id)")
      #expect(mine.body.contains(#""env":{"SECRET":"s3cret"}"#))
      let theirs = try await Self.output(
        tool,
        ["--reuid=65534", "--clear-groups", "curl", "-s", "--unix-socket", server.path, "http://jobq/v1/jobs/\(id)"])
      #expect(theirs.contains(#""env":{"SECRET":null}"#), "\(theirs)")
      let list = try await Self.output(
        tool, ["--reuid=65534", "--clear-groups", "curl", "-s", "--unix-socket", server.path, "http://jobq/v1/jobs"])
      #expect(list.contains("SECRET") && !list.contains("s3cret"))
    }
  }

  private static func output(_ tool: String, _ arguments: [String]) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    return try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { _ in
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? nil
        continuation.resume(returning: String(decoding: data ?? Data(), as: UTF8.self))
      }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
  }
}
