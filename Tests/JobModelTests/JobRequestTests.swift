import FoundationEssentials
import JobModel
import Testing

@Suite("Requests are checked by name")
struct JobRequestTests {
  private func check(_ json: String) throws -> JobSpec {
    try JSONDecoder().decode(JobRequest.self, from: Data(json.utf8))
      .checked(defaults: JobDefaults(), submittedBy: Submitter(uid: 1000, pid: 1))
  }

  @Test("a command alone gets every default")
  func defaults() throws {
    let spec = try check(#"{"command":["make","release"]}"#)
    #expect(spec.work == .command(["make", "release"]) && spec.queue == "default" && spec.retries == 0)
    #expect(spec.killGrace == .seconds(10) && spec.timeout == nil && spec.onInterrupt == .retry && spec.start == .now)
  }

  @Test("an unknown field is refused by name")
  func unknown() {
    let error = #expect(throws: UnknownField.self) { try check(#"{"command":["true"],"qeue":"mail"}"#) }
    #expect(error?.name == "qeue")
  }

  @Test(
    "a value that cannot be is refused, and the field is named",
    arguments: [
      (#"{}"#, "command"), (#"{"command":[]}"#, "command"), (#"{"command":[""]}"#, "command"),
      (#"{"command":["a\u0000b"]}"#, "command"), (#"{"command":["a"],"payload":1}"#, "payload"),
      (#"{"command":["a"],"queue":"a/b"}"#, "queue"), (#"{"command":["a"],"queue":"a\u0000"}"#, "queue"),
      (#"{"command":["a"],"queue":""}"#, "queue"), (#"{"command":["a"],"queue":".."}"#, "queue"),
      (#"{"command":["a"],"name":"a\nb"}"#, "name"), (#"{"command":["a"],"priority":1001}"#, "priority"),
      (#"{"command":["a"],"retries":-1}"#, "retries"), (#"{"command":["a"],"timeout_seconds":0}"#, "timeout_seconds"),
      (#"{"command":["a"],"umask":"888"}"#, "umask"), (#"{"command":["a"],"umask":"1777"}"#, "umask"),
      (#"{"command":["a"],"cwd":"here"}"#, "cwd"), (#"{"command":["a"],"env":{"A=B":"c"}}"#, "env"),
      (#"{"command":["a"],"labels":{"a b":"c"}}"#, "labels"), (#"{"command":["a"],"unique_key":""}"#, "unique_key"),
      (#"{"command":["a"],"after":[0]}"#, "after"),
      (#"{"command":["a"],"stdin":"a","stdin_base64":"YQ=="}"#, "stdin_base64"),
      (#"{"command":["a"],"delay_seconds":1,"run_at":"2026-01-01T00:00:00Z"}"#, "run_at"),
      (#"{"payload":{"a":1},"stdin":"x"}"#, "stdin"), (#"{"command":["a"],"backoff":{"jitter":2}}"#, "backoff.jitter"),
    ])
  func refused(json: String, field: String) {
    let error = #expect(throws: InvalidValue.self) { try check(json) }
    #expect(error?.field == field)
  }

  @Test(
    "any JSON is a payload, null included",
    arguments: ["null", "1", "\"a\"", "[1,{\"b\":null}]", "18446744073709551615", "1.5"])
  func payloads(json: String) throws {
    guard case .payload(let value) = try check(#"{"payload":\#(json)}"#).work else {
      Issue.record("no payload")
      return
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(String(decoding: try encoder.encode(value), as: UTF8.self) == json)
  }

  @Test("a job as it is shown has every field of the contract, null where it has no value")
  func everyField() throws {
    let job = Job(
      id: JobID(1), state: .queued, queue: "default", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 0,
      maxAttempts: 1, killGrace: .seconds(10), backoff: .standard, onInterrupt: .retry, splitOutput: false,
      cancelling: false)
    guard case .object(let fields) = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(job)) else {
      Issue.record("no object")
      return
    }
    let contract =
      "id state queue name labels priority command payload cwd env umask created_at run_at started_at finished_at attempt max_attempts "
      + "timeout_seconds kill_grace_seconds backoff on_interrupt unique_key after after_any exit_code signal outcome error result "
      + "cancelling submitted_by attempts"
    for field in contract.split(separator: " ") { #expect(fields[String(field)] != nil, "\(field)") }
    #expect(fields["name"] == .null && fields["kill_grace_seconds"] == .integer(10))
  }

  @Test("the values of env are for the submitting user and root, the names for all")
  func env() {
    var job = Job(
      id: JobID(1), state: .queued, queue: "default", priority: 0, createdAt: Timestamp(milliseconds: 0), attempt: 0,
      maxAttempts: 1, killGrace: .seconds(10), backoff: .standard, onInterrupt: .retry, splitOutput: false,
      cancelling: false)
    job.env = ["TOKEN": "secret"]
    job.submittedBy = Submitter(uid: 1000, pid: 7)
    #expect(job.visible(to: 1000).env == ["TOKEN": "secret"])
    #expect(job.visible(to: 0).env == ["TOKEN": "secret"])
    #expect(job.visible(to: 1001).env == ["TOKEN": nil])
    #expect(job.visible(to: nil).env == ["TOKEN": nil])
  }

  @Test("exit codes read as sets", arguments: [("1,75,100-110", [1, 75, 105], [0, 2, 99, 111, 256])])
  func exitCodes(text: String, inside: [Int], outside: [Int]) throws {
    let codes = try #require(ExitCodes(text))
    #expect(inside.allSatisfy(codes.contains) && !outside.contains(where: codes.contains))
    for bad in ["", "1,", "a", "5-1", "256", "-1", "1-2-3"] { #expect(ExitCodes(bad) == nil) }
  }
}
