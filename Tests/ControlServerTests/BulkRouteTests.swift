import Foundation
import Testing

@Suite("The routes for many jobs, and for an edit") struct BulkRouteTests {
  @Test("A bulk verb answers what matched, what it changed and what it refused, and why")
  func report() async throws {
    try await TestServer.with { server in
      for key in ["a", "b"] {
        let id = try await server.enqueue(#"{"command":["false"],"unique_key":"\#(key)","name":"n-\#(key)"}"#)
        _ = try await server.ask("GET", "/v1/jobs/\(id)/wait")
      }
      let owner = try await server.enqueue(#"{"command":["true"],"unique_key":"a","hold":true}"#)
      let dry = try await server.ask("POST", "/v1/bulk/retry", body: #"{"name":"n-*","dry_run":true}"#)
      #expect(dry.body == #"{"matched":2,"changed":0,"refused":0,"first_problem":null}"#)
      let reply = try await server.ask("POST", "/v1/bulk/retry", body: #"{"name":"n-*"}"#)
      let report = try reply.object()
      #expect(reply.status == 200 && report["matched"] as? Int == 2 && report["changed"] as? Int == 1)
      let problem = try #require(report["first_problem"] as? [String: Any])
      #expect(report["refused"] as? Int == 1 && problem["status"] as? Int == 409)
      #expect((problem["detail"] as? String)?.contains("job \(owner) has now") == true)
    }
  }

  @Test(
    "What a bulk verb, a prune or an edit cannot be asked is refused by name",
    arguments: [
      ("POST", "/v1/bulk/cancel", #"{"label":{"a":"b"}}"#, 422, "label"),
      ("POST", "/v1/bulk/cancel", #"{"state":["idle"]}"#, 422, "state[0]"),
      ("POST", "/v1/bulk/cancel", #"{"state":"held"}"#, 422, "state"),
      ("POST", "/v1/bulk/cancel", #"{"queue":"a","since":"yesterday"}"#, 422, "since"),
      ("POST", "/v1/bulk/cancel?dry_run=true", #"{"queue":"a"}"#, 422, "dry_run"),
      ("POST", "/v1/bulk/cancel", "", 400, nil), ("GET", "/v1/bulk/cancel", nil, 405, nil),
      ("POST", "/v1/prune", #"{"older_than":5}"#, 422, "older_than"),
      ("POST", "/v1/prune", #"{"older_than_seconds":-5}"#, 422, "older_than_seconds"),
      ("PATCH", "/v1/jobs/1", #"{"command":["x"]}"#, 422, "command"),
      ("PATCH", "/v1/jobs/1", #"{"priority":"high"}"#, 422, "priority"),
      ("GET", "/v1/jobs?since=now", nil, 422, "since"), ("GET", "/v1/jobs?name=", nil, 422, "name"),
      ("GET", "/v1/jobs?since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", nil, 422, "until"),
    ] as [(String, String, String?, Int, String?)])
  func refused(method: String, target: String, body: String?, status: Int, field: String?) async throws {
    try await TestServer.with { server in
      _ = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      let reply = try await server.ask(method, target, body: body)
      #expect(reply.status == status, "\(reply)")
      #expect(try reply.object()["field"] as? String == field, "\(reply)")
    }
  }

  @Test("An edited job shows its new values, and is found by them")
  func edited() async throws {
    try await TestServer.with { server in
      let id = try await server.enqueue(#"{"command":["true"],"hold":true}"#)
      let reply = try await server.ask(
        "PATCH", "/v1/jobs/\(id)", body: #"{"queue":"mail","labels":{"a":"b"},"timeout_seconds":5}"#)
      let job = try reply.object()
      #expect(reply.status == 200 && job["queue"] as? String == "mail" && job["state"] as? String == "held")
      #expect(job["labels"] as? [String: String] == ["a": "b"] && job["timeout_seconds"] as? Int == 5)
      let list = try await server.ask("GET", "/v1/jobs?queue=mail&label=a%3Db")
      #expect(try (list.object()["jobs"] as? [Any])?.count == 1)
    }
  }
}
