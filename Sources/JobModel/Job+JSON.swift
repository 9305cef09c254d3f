/// The answers that the daemon gives all the time, written without a general encoder. A test holds them to the bytes of
/// the Codable forms.

extension Job: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    writeMembers(to: &json)
    json.raw(UInt8(ascii: "}"))
  }

  /// All but the end of the object, so that more members may follow.
  func writeMembers(to json: inout JSONBuilder) {
    json.member(#"{"id":"#, id)
    json.member(#","state":"#, state)
    json.member(#","queue":"#, queue)
    json.member(#","name":"#, name)
    json.member(#","labels":"#, labels)
    json.member(#","priority":"#, priority)
    json.member(#","command":"#, command)
    json.member(#","payload":"#, payload)
    json.member(#","cwd":"#, cwd)
    json.member(#","env":"#, env)
    json.member(#","umask":"#, umask)
    json.member(#","created_at":"#, createdAt)
    json.member(#","run_at":"#, runAt)
    json.member(#","started_at":"#, startedAt)
    json.member(#","finished_at":"#, finishedAt)
    json.member(#","attempt":"#, attempt)
    json.member(#","max_attempts":"#, maxAttempts)
    json.member(#","timeout_seconds":"#, timeout)
    json.member(#","kill_grace_seconds":"#, killGrace)
    json.member(#","backoff":"#, backoff)
    json.member(#","retry_on":"#, retryOn)
    json.member(#","no_retry_on":"#, noRetryOn)
    json.member(#","on_interrupt":"#, onInterrupt)
    json.member(#","unique_key":"#, uniqueKey)
    json.member(#","after":"#, after)
    json.member(#","after_any":"#, afterAny)
    json.member(#","split_output":"#, splitOutput)
    json.member(#","exit_code":"#, exitCode)
    json.member(#","signal":"#, signal)
    json.member(#","outcome":"#, outcome)
    json.member(#","error":"#, error)
    json.member(#","result":"#, result)
    json.member(#","cancelling":"#, cancelling)
    json.member(#","submitted_by":"#, submittedBy)
    json.member(#","attempts":"#, attempts)
  }
}

extension Attempt: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"attempt":"#, attempt)
    json.member(#","started_at":"#, startedAt)
    json.member(#","finished_at":"#, finishedAt)
    json.member(#","outcome":"#, outcome)
    json.member(#","exit_code":"#, exitCode)
    json.member(#","signal":"#, signal)
    json.member(#","error":"#, error)
    json.member(#","user_seconds":"#, userSeconds)
    json.member(#","system_seconds":"#, systemSeconds)
    json.member(#","max_rss_bytes":"#, maxRSSBytes)
    json.member(#","unkillable":"#, unkillable)
    json.member(#","worker":"#, worker)
    json.member(#","lease_expires_at":"#, leaseExpiresAt)
    json.raw(UInt8(ascii: "}"))
  }
}

extension Submitter: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"uid":"#, uid)
    json.member(#","pid":"#, pid)
    json.raw(UInt8(ascii: "}"))
  }
}

extension Backoff: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"kind":"#, kind)
    json.member(#","base_seconds":"#, base)
    json.member(#","max_seconds":"#, max)
    json.member(#","jitter":"#, jitter)
    json.raw(UInt8(ascii: "}"))
  }
}

extension JobState: JSONWritable {}
extension Outcome: JSONWritable {}
extension OnInterrupt: JSONWritable {}
extension Backoff.Kind: JSONWritable {}

extension JobID: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.integer(rawValue) }
}

extension ExitCodes: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.string(description) }
}

extension Timestamp: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.time(self) }
}

extension TimeSpan: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    if milliseconds % 1000 == 0 { json.integer(milliseconds / 1000) } else { json.number(seconds) }
  }
}

extension JSONValue: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    switch self {
    case .null: json.raw("null")
    case .bool(let value): value.write(to: &json)
    case .integer(let value): json.integer(value)
    case .unsigned(let value): json.integer(value)
    case .number(let value): json.number(value)
    case .string(let value): json.string(value)
    case .array(let value): value.write(to: &json)
    case .object(let value): value.write(to: &json)
    }
  }
}

extension JobPage: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"jobs":"#, jobs)
    json.member(#","next_before":"#, nextBefore)
    json.raw(UInt8(ascii: "}"))
  }
}

extension BulkReceipt: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"count":"#, count)
    json.member(#","first_id":"#, firstID)
    json.member(#","last_id":"#, lastID)
    json.raw(UInt8(ascii: "}"))
  }
}

extension JobChange: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"id":"#, id)
    json.member(#","queue":"#, queue)
    json.member(#","from":"#, from)
    json.member(#","to":"#, to)
    json.member(#","attempt":"#, attempt)
    json.member(#","at":"#, at)
    json.member(#","outcome":"#, outcome)
    json.member(#","cancelling":"#, cancelling)
    json.raw(UInt8(ascii: "}"))
  }
}
