import FoundationEssentials
import JobModel
import Testing

@Suite("What is asked of many jobs, and of one that waits")
struct BulkRequestTests {
  private func decode<Value: Decodable>(_ text: String, _: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  @Test("a name is meant whole, or with a star at its end by its beginning")
  func names() throws {
    let exact = try #require(NamePattern("a*b"))
    #expect(!exact.isPrefix && exact.matches("a*b") && !exact.matches("a*bc") && exact.range == "a*b"..."a*b")
    let prefix = try #require(NamePattern("ab*"))
    #expect(prefix.isPrefix && prefix.matches("ab") && prefix.matches("abc") && !prefix.matches("a"))
    #expect(prefix.range.contains("ab\u{FFFF}") && !prefix.range.contains("ac") && prefix.description == "ab*")
    #expect(NamePattern("*")?.matches("") == true)
    #expect(NamePattern("") == nil && NamePattern("a\u{1B}") == nil)
  }

  @Test("a bulk request without a state means the states that its verb is for")
  func states() throws {
    let request: BulkRequest = try decode(#"{"queue":"mail"}"#)
    for verb in BulkVerb.allCases { #expect(try request.filter(for: verb).states == verb.states) }
    let named: BulkRequest = try decode(#"{"state":["held","queued"]}"#)
    #expect(try named.filter(for: .cancel).states == [.held, .queued])
    var filter = JobFilter()
    filter.states = [.failed]
    filter.labels = ["a": "b"]
    filter.name = NamePattern("x*")
    filter.since = Timestamp(milliseconds: 5)
    #expect(try BulkRequest(filter).filter(for: .retry) == filter)
  }

  @Test(
    "a bulk request that means all jobs, or can mean none, is refused by the name of what is wrong",
    arguments: [
      ("{}", "body"), (#"{"dry_run":true,"labels":{},"state":[]}"#, "body"), (#"{"queue":"a b"}"#, "queue"),
      (#"{"labels":{"a b":"c"}}"#, "label"), (#"{"name":""}"#, "name"),
      (#"{"since":"2026-01-02T00:00:00Z","until":"2026-01-02T00:00:00Z"}"#, "until"),
      (#"{"queue":"a","with_dependents":true}"#, "with_dependents"),
    ])
  func refused(text: String, field: String) throws {
    let request: BulkRequest = try decode(text)
    let error = #expect(throws: InvalidValue.self) { try request.filter(for: .cancel) }
    #expect(error?.field == field)
    #expect(throws: UnknownField.self) { try decode(#"{"label":{"a":"b"}}"#) as BulkRequest }
  }

  @Test(
    "an edit that changes nothing, or to what cannot be, is refused by the name of what is wrong",
    arguments: [
      ("{}", "body"), (#"{"queue":"a b"}"#, "queue"), (#"{"priority":1001}"#, "priority"), (#"{"name":""}"#, "name"),
      (#"{"labels":{"a b":null}}"#, "labels"), (#"{"labels":{"a":"\u0007"}}"#, "labels"),
      (#"{"retries":-1}"#, "retries"),
      (#"{"timeout_seconds":0}"#, "timeout_seconds"), (#"{"delay_seconds":1,"run_at":null}"#, "run_at"),
    ])
  func edits(text: String, field: String) throws {
    let edit: JobEdit = try decode(text)
    let error = #expect(throws: InvalidValue.self) { try edit.check() }
    #expect(error?.field == field)
  }

  @Test("an edit goes over the wire as it is: absent, null and a value are three things")
  func wire() throws {
    var edit = JobEdit()
    edit.name = .some(nil)
    edit.labels = ["a": nil, "b": "c"]
    edit.timeout = .some(.seconds(5))
    let back = try JSONDecoder().decode(JobEdit.self, from: JSONEncoder().encode(edit))
    #expect(back == edit && back.runAt == nil)
    try back.check()
  }

  @Test("only what has ended is pruned, and a dry run needs a condition")
  func prune() throws {
    for (text, field) in [
      (#"{"state":["failed","running"]}"#, "state"), (#"{"state":[]}"#, "state"), (#"{"keep":-1}"#, "keep"),
      (#"{"queue":"a b"}"#, "queue"), (#"{"dry_run":true}"#, "body"), (#"{"logs_only":true}"#, "body"),
    ] {
      let request: PruneRequest = try decode(text)
      let error = #expect(throws: InvalidValue.self) { try request.check() }
      #expect(error?.field == field)
    }
    #expect(try (decode("{}") as PruneRequest).isUnconditional)
  }
}
