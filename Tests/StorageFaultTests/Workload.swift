import CStorageShim
import Foundation
import JobModel
import JobStore
import Synchronization
import Testing

/// What the store has acknowledged, and when: the states that each job has been told to be in, in order, and how
/// many storage
/// operations had been made when the answer came.
final class Ledger: Sendable {
  struct Entry: Sendable {
    var state: JobState
    var position: Int
  }

  let jobs = Mutex<[JobID: [Entry]]>([:])

  func acknowledge(_ id: JobID, _ state: JobState) {
    let position = shim_count()
    jobs.withLock { $0[id, default: []].append(Entry(state: state, position: position)) }
  }

  /// Says what is wrong with a store that was opened on what a cut at `position` left; nil where nothing is.
  func fault(in store: any JobStore, cutAt position: Int) async throws -> String? {
    let jobs = jobs.withLock { $0 }
    for (id, entries) in jobs {
      guard let last = entries.lastIndex(where: { $0.position <= position }) else { continue }
      guard let job = try await store.job(id) else {
        return "job \(id), acknowledged as \(entries[last].state), is gone"
      }
      guard Self.mayFollow(entries[last].state).contains(job.state) else {
        return "job \(id), acknowledged as \(entries[last].state), is \(job.state)"
      }
    }
    return nil
  }
}

extension Ledger {
  /// What came after an acknowledgement may have reached the disk too, acknowledged or not; what came before
  /// must not be all that is left.
  private static func mayFollow(_ state: JobState) -> Set<JobState> {
    switch state {
    case .held: [.held, .cancelled]
    case .queued: [.queued, .running, .succeeded]
    default: [state]
    }
  }
}

/// Several callers at once, each doing what clients and workers do, for as long as storage lets them.
final class Workload: Sendable {
  let store: any JobStore
  let ledger: Ledger
  /// Storage refusals that the callers met.
  let refusals = Mutex(0)

  init(store: any JobStore, ledger: Ledger) {
    self.store = store
    self.ledger = ledger
  }

  static let moment = Moment(wall: Timestamp(milliseconds: 1_795_508_080_000), boot: 1_000_000)

  static func spec(hold: Bool = false, name: String? = nil) -> JobSpec {
    var spec = JobSpec(
      queue: "default", work: .command(["true"]), killGrace: .seconds(1), retries: 0, backoff: .standard)
    spec.hold = hold
    spec.name = name
    return spec
  }

  func run(callers: Int, rounds: Int) async {
    await withTaskGroup(of: Void.self) { group in
      for caller in 0..<callers {
        group.addTask {
          for round in 0..<rounds {
            do throws(StoreError) {
              switch (caller + round) % 3 {
              case 0: try await self.enqueue(1 + round % 3)
              case 1: try await self.holdAndCancel()
              default: try await self.claimAndFinish()
              }
            } catch {
              guard case .storage = error.code else {
                Issue.record("an unexpected refusal: \(error)")
                return
              }
              self.refusals.withLock { $0 += 1 }
            }
          }
        }
      }
    }
  }

  private func enqueue(_ count: Int) async throws(StoreError) {
    let specs = (0..<count).map { Self.spec(name: String(repeating: "n", count: 20 * ($0 + 1))) }
    for added in try await store.enqueue(specs, at: Self.moment) { ledger.acknowledge(added.id, .queued) }
  }

  private func holdAndCancel() async throws(StoreError) {
    let id = try await store.enqueue([Self.spec(hold: true)], at: Self.moment)[0].id
    ledger.acknowledge(id, .held)
    _ = try await store.cancel(id, at: Self.moment)
    ledger.acknowledge(id, .cancelled)
  }

  private func claimAndFinish() async throws(StoreError) {
    for attempt in try await store.claim(ClaimRequest(limit: 2), at: Self.moment).attempts {
      let state = try await store.finish(
        attempt.id, attempt: attempt.attempt, AttemptEnding(.succeeded, exitCode: 0), random: 0, at: Self.moment)
      ledger.acknowledge(attempt.id, state)
    }
  }
}

/// Runs `body` while storage fails: from its `skip`-th operation on, once or always. Who waits for a sync that failed waits for
/// as long as that lasts, so it ends once the store has said that it cannot be made good.
/// - Returns: whether an operation failed.
func failing(
  _ fault: Int32, _ skip: Int64, of store: any JobStore, _ body: @escaping @Sendable () async -> Void
) async -> Bool {
  let (troubles, trouble) = AsyncStream.makeStream(of: Void.self)
  store.onTrouble { if case .failing = $0 { trouble.yield() } }
  shim_fail(fault, skip, skip % 2 == 0 ? 1 : -1)
  async let ended: Void = {
    await body()
    trouble.finish()
  }()
  for await _ in troubles { break }
  let hasFailed = shim_seen() > skip
  shim_fail(Int32(SHIM_FAIL_NONE), 0, 0)
  await ended
  return hasFailed
}

/// A directory for one test, gone afterwards.
func withScratch<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let path =
    URL(fileURLWithPath: NSTemporaryDirectory()).resolvingSymlinksInPath().path
    + "/jobq-fault-\(UUID().uuidString.prefix(8))"
  try FileManager.default.createDirectory(
    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

/// How many cases a test tries: `CASES` in the environment, or a number that suits every run of the tests.
func cases(_ usual: Int) -> Int { ProcessInfo.processInfo.environment["CASES"].flatMap(Int.init) ?? usual }
