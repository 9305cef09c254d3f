import FoundationEssentials
import Glibc
import JobModel
import JobStore
import Synchronization
import Testing

/// An engine under the conformance suite: how a store of it is made, closed and opened again.
struct Engine: Sendable, CustomTestStringConvertible {
  var testDescription: String
  /// Opens the store that lives at this place, making it where it is not there.
  var open: @Sendable (_ directory: String, _ bootID: String) async throws -> any JobStore

  static let sqlite = Engine(testDescription: "SQLite") { try await SQLiteJobStore.open(directory: $0, bootID: $1) }
  static let all = [sqlite]

  /// Runs `body` with a new, empty store, and closes it.
  func withStore(_ body: (any JobStore) async throws -> Void) async throws {
    try await withDirectory { directory in
      let store = try await open(directory, "boot 1")
      do {
        try await body(store)
        await store.close()
      } catch {
        await store.close()
        throw error
      }
    }
  }
}

/// Memory, where there is such a place: what these tests show does not depend on how long a disk takes to sync.
private let scratch = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

/// Runs `body` with the path of a directory that does not exist yet, and removes whatever was made there.
func withDirectory(_ body: (String) async throws -> Void) async throws {
  let directory = "\(scratch)/jobq-test-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: directory) }
  try await body(directory)
}

extension Moment {
  /// 2026-11-24T08:14:40Z, 1000 s after a boot.
  static let start = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)

  /// Both clocks, some seconds later.
  static func + (left: Moment, seconds: Double) -> Moment {
    let span = Int64(seconds * 1000)
    return Moment(wall: left.wall + .milliseconds(span), boot: left.boot + span)
  }
}

extension JobSpec {
  static func command(_ words: String..., queue: String = "default", change: (inout JobSpec) -> Void = { _ in })
    -> JobSpec
  {
    var spec = JobSpec(
      queue: queue, work: .command(words.isEmpty ? ["/bin/true"] : words), killGrace: .seconds(10), retries: 0,
      backoff: Backoff(kind: .fixed, base: .seconds(5), max: .minutes(10), jitter: 0))
    change(&spec)
    return spec
  }
}

extension JobStore {
  /// Adds one job.
  @discardableResult
  func add(_ spec: JobSpec = .command(), at moment: Moment = .start) async throws -> JobID {
    try await enqueue([spec], at: moment)[0].id
  }

  func found(_ id: JobID) async throws -> Job { try #require(try await job(id)) }
  func state(_ id: JobID) async throws -> JobState { try await found(id).state }

  @discardableResult
  func claim(_ limit: Int = 1, at moment: Moment = .start) async throws -> [ClaimedAttempt] {
    try await claim(ClaimRequest(limit: limit), at: moment).attempts
  }

  @discardableResult
  func update(queue: String, _ patch: QueuePatch) async throws -> QueueInfo {
    try await update(queue: queue, patch, at: .start)
  }

  func setPaused(_ paused: Bool) async throws { try await setPause(paused ? PauseRequest() : nil, at: .start) }

  /// Claims the one job that may run and ends its attempt.
  @discardableResult
  func runNext(_ ending: AttemptEnding = AttemptEnding(.succeeded, exitCode: 0), at moment: Moment = .start)
    async throws
    -> JobID
  {
    let attempt = try #require(try await claim(at: moment).first)
    _ = try await finish(attempt.id, attempt: attempt.attempt, ending, random: 0, at: moment)
    return attempt.id
  }
}

extension ClaimRequest {
  /// So many places in each of some queues.
  init(limit: Int, room: [String: Int]) {
    self.init(limit: limit, rooms: room.mapValues { QueueRoom(places: $0) })
  }
}

extension QueueRoom {
  init(places: Int) {
    self.init(QueueLimits())
    self.places = places
  }
}

extension AttemptEnding {
  static func exit(_ code: Int) -> AttemptEnding { AttemptEnding(code == 0 ? .succeeded : .failed, exitCode: code) }
}

/// Runs `body`, which must fail, and gives what the store said.
func refusal(_ body: () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) async -> StoreError? {
  do {
    try await body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
    return nil
  } catch {
    if let error = error as? StoreError { return error }
    Issue.record("\(error) is no StoreError", sourceLocation: sourceLocation)
    return nil
  }
}

/// Collects what `onCommit` tells.
final class Commits: Sendable {
  private let all = Mutex<[[JobChange]]>([])

  init(of store: any JobStore) { store.onCommit { changes in self.all.withLock { $0.append(changes) } } }

  var commits: [[JobChange]] { all.withLock { $0 } }
  var changes: [JobChange] { commits.flatMap { $0 } }
  func clear() { all.withLock { $0 = [] } }
}
