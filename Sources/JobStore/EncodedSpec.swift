import FoundationEssentials
package import JobModel
import SQLite

/// A job as it is put into the database: what costs time to encode is encoded by the caller, not by the one
/// thread that writes. A reference, since a spec is large: its copies would retain a dozen strings each.
package final class EncodedSpec: Sendable {
  let spec: JobSpec
  private let command: String?
  private let env: String?
  private let payload: String?

  /// - Throws: where a value cannot be written as JSON: none that came as JSON.
  package init(_ spec: consuming JobSpec) throws(StoreError) {
    env = spec.env.isEmpty ? nil : StringJSON.text(spec.env)
    switch spec.work {
    case .command(let words):
      command = StringJSON.text(words)
      payload = nil
    case .payload(let value):
      command = nil
      payload = try JSONText.text(value)
    }
    self.spec = spec
  }

  package var cwd: String? { spec.cwd }

  private init(_ spec: JobSpec, as other: EncodedSpec) {
    self.spec = spec
    (command, env, payload) = (other.command, other.env, other.payload)
  }

  /// The same, after those at these earlier places of the call too.
  package func placed(after: [Int], afterAny: [Int]) -> EncodedSpec {
    var spec = spec
    (spec.afterPlaces, spec.afterAnyPlaces) = (after, afterAny)
    return EncodedSpec(spec, as: self)
  }

  /// Each dependency once; one that is named in both ways is an `after`.
  /// - Parameter place: the number of the job at an earlier place of the same call.
  func dependencies(_ place: (Int) -> JobID) -> [(id: JobID, kind: DependencyKind)] {
    let after = spec.after + spec.afterPlaces.map(place)
    let afterAny = spec.afterAny + spec.afterAnyPlaces.map(place)
    if after.isEmpty, afterAny.isEmpty { return [] }
    var seen: Set<JobID> = []
    return (after.map { ($0, .after) } + afterAny.map { ($0, .afterAny) }).filter { seen.insert($0.0).inserted }
  }

  /// Runs `Query.insertSpec`.
  func insert(for id: JobID, by statement: Statement) throws(SQLiteError) {
    statement.bind(id).bind(spec.name).bind(spec.cwd).bind(spec.umask.map(Int.init)).bind(spec.timeout)
      .bind(spec.killGrace).bind(spec.retries).bind(spec.backoff.kind).bind(spec.backoff.base).bind(spec.backoff.max)
      .bind(spec.backoff.jitter).bind(spec.retryOn).bind(spec.noRetryOn).bind(spec.splitOutput)
      .bind(spec.submittedBy.map { Int($0.uid) }).bind(spec.submittedBy.map { Int($0.pid) })
      .bind(command).bind(env).bind(payload)
    if let stdin = spec.stdin { statement.bindBytes(stdin.bytes) } else { statement.bind(Int?.none) }
    try statement.run()
  }
}

/// How a job depends on another.
enum DependencyKind: String, Sendable, SQLiteValue {
  case after
  case afterAny = "after_any"

  func isSatisfied(by state: JobState) -> Bool { self == .afterAny ? state.hasEnded : state == .succeeded }
}

/// Any JSON as text.
enum JSONText {
  static func text(_ value: JSONValue) throws(StoreError) -> String {
    try text(value, "a value")
  }

  private static func text(_ value: some JSONWritable, _ what: @autoclosure () -> String) throws(StoreError) -> String {
    var json = JSONBuilder()
    value.write(to: &json)
    // JSON has no infinity, and nothing that came as JSON holds one.
    if let number = json.unwritable {
      throw StoreError(.storage(.failed), "\(what()) cannot be written as JSON: it holds the number \(number)")
    }
    return json.text
  }

  /// A job as the API shows it, on one line.
  static func line(_ job: Job) throws(StoreError) -> String {
    try text(job, "job \(job.id)")
  }

  static func value(_ text: String) throws(SQLiteError) -> JSONValue {
    if let value = JSONValue.plain(text.utf8.span) { return value }
    do {
      return try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    } catch {
      throw .corrupt("what should be JSON is not: \(error)", doing: "read a JSON value")
    }
  }
}
