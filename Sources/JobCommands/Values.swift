import ArgumentParser
import Glibc
import JobModel

/// Values of options, each with the sentence that says what is expected.
enum Value {
  static func span(_ text: String) throws -> TimeSpan {
    guard let span = TimeSpan(text) else {
      throw ValidationError(
        "\"\(text.printable)\" is no duration; 250ms, 30s, 5m, 2h, 1d or a number of seconds is expected")
    }
    return span
  }

  static func time(_ text: String) throws -> Timestamp {
    guard let time = Surroundings.time(text, now: Glibc.time(nil)) else {
      throw ValidationError(
        "\"\(text.printable)\" is no time; RFC 3339 (2026-11-24T08:00:00+01:00) or HH:MM[:SS] is expected")
    }
    return time
  }

  static func codes(_ text: String) throws -> ExitCodes {
    guard let codes = ExitCodes(text) else {
      throw ValidationError("\"\(text.printable)\" is no list of exit codes; such as 1,75,100-110 is expected")
    }
    return codes
  }

  static func ids(_ text: String) throws -> [JobID] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let id = JobID(part) else {
        throw ValidationError("\"\(text.printable)\" is no ID: a job's number is expected")
      }
      return id
    }
  }

  static func state(_ text: String) throws -> [JobState] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let state = JobState(rawValue: String(part)) else {
        throw ValidationError(
          "\"\(text.printable)\" is no state; \(JobState.allCases.map(\.rawValue).joined(separator: ", ")) are")
      }
      return state
    }
  }

  static func label(_ text: String) throws -> (key: String, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, Limits.isLabelKey(String(parts[0])) else {
      throw ValidationError("\"\(text.printable)\" is no label; KEY=VALUE is expected")
    }
    return (String(parts[0]), String(parts[1]))
  }
}
