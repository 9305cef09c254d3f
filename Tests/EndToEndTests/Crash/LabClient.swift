import Foundation
import Glibc
import SeededRandom
import Synchronization

/// One of the clients that load the daemon: it asks for one thing after the other, and remembers what it was promised.
/// It repeats what got no answer, with the same `request_id`, until it has one; so in the end it knows of everything.
final class LabClient {
  /// What was promised of a job.
  struct Promise: Sendable {
    enum Kind: String, CaseIterable, Sendable {
      case plain
      /// Nothing but a program that ends: it writes nothing of itself.
      case bare
      /// Fails at its first attempt.
      case flaky
      /// Runs into its timeout.
      case slow
      /// Leaves a child in another session.
      case escaping
    }
    enum Wish: Sendable { case run, cancel, hold }

    var id: Int64
    var name: String
    var kind: Kind
    var onInterrupt: String
    var wish = Wish.run
    /// A cancel was refused that may have been done before, without an answer.
    var mayBeCancelled = false
    var afterAny: Int64?
  }

  /// What was promised of the client's own queue.
  struct QueuePromise: Sendable, Equatable {
    var isPaused = false
    var concurrency: Int?
  }

  struct Ledger: Sendable {
    var queue: String
    var jobs: [Promise] = []
    var settings = QueuePromise()
    var answers = 0
    var repeats = 0
  }

  private let connection: LabConnection
  private let script: String
  private let number: Int
  private var random: SplitMix
  private var ledger: Ledger
  private let manner: Manner

  /// How a client asks.
  struct Manner: Sendable {
    /// Microseconds between two requests.
    var pause: ClosedRange<UInt32>
    /// How many jobs of a hundred are of the kind that is most wanted.
    var usual: (kind: Promise.Kind, percent: Int)
    /// Asks for nothing while it is set.
    var brake: Flag?
  }

  init(_ number: Int, socket: String, script: String, random: SplitMix, _ manner: Manner) {
    self.number = number
    self.script = script
    self.random = random
    self.manner = manner
    connection = LabConnection(socket)
    ledger = Ledger(queue: "client-\(number)")
  }

  /// Asks until it is told to stop. Blocks: on a thread of its own.
  func run(until isOver: () -> Bool) throws -> Ledger {
    while !isOver() {
      switch Int.random(in: 0..<100, using: &random) {
      case ..<70: try enqueue()
      case ..<78: try change("cancel", where: { $0.wish != .cancel })
      case ..<85: try change("hold", where: { $0.wish == .run })
      case ..<92: try change("release", where: { $0.wish == .hold })
      default: try setQueue()
      }
      usleep(UInt32.random(in: manner.pause, using: &random))
      while manner.brake?.isSet == true, !isOver() { usleep(10_000) }
    }
    return ledger
  }

  private func ask(_ method: String, _ target: String, _ body: LabConnection.Object? = nil) throws -> (
    status: Int, body: LabConnection.Object, wasRepeated: Bool
  ) {
    let answer = try connection.ask(method, target, body)
    ledger.answers += 1
    if answer.wasRepeated { ledger.repeats += 1 }
    return answer
  }

  private func enqueue() throws {
    let name = "\(number).\(ledger.jobs.count)"
    let kind =
      random.chance(manner.usual.percent)
      ? manner.usual.kind : Promise.Kind.allCases.randomElement(using: &random) ?? .plain
    let span = Int.random(in: 0...99, using: &random)
    let command =
      kind == .bare ? ["/bin/true"] : ["/bin/sh", script, kind.rawValue, "0.0\(span < 10 ? "0" : "")\(span)"]
    var job: LabConnection.Object = [
      "command": command, "name": name,
      "request_id": "\(name)-\(random.next())", "queue": random.chance(50) ? ledger.queue : "default",
    ]
    var promise = Promise(id: 0, name: name, kind: kind, onInterrupt: "retry")
    switch kind {
    case .flaky:
      job["retries"] = 1
      job["backoff"] = ["kind": "fixed", "base_seconds": 0.02, "max_seconds": 1, "jitter": 0]
    case .slow: job["timeout_seconds"] = 0.15
    default: break
    }
    switch Int.random(in: 0..<20, using: &random) {
    case 0: promise.onInterrupt = "fail"
    case 1: promise.onInterrupt = "hold"
    case 2...4: job["delay_seconds"] = 0.05
    case 5...6:
      if let last = ledger.jobs.last {
        job["after_any"] = [last.id]
        promise.afterAny = last.id
      }
    default: break
    }
    job["on_interrupt"] = promise.onInterrupt
    if random.chance(5) {
      job["hold"] = true
      promise.wish = .hold
    }
    let answer = try ask("POST", "/v1/jobs", job)
    guard answer.status == 201 || answer.status == 200, let id = answer.body["id"] as? NSNumber else {
      throw TestFault("enqueue: \(answer)")
    }
    promise.id = id.int64Value
    ledger.jobs.append(promise)
  }

  /// A change of one of its latest jobs.
  private func change(_ verb: String, where fits: (Promise) -> Bool) throws {
    let candidates = ledger.jobs.indices.suffix(30).filter { fits(ledger.jobs[$0]) }
    guard let index = candidates.randomElement(using: &random) else { return }
    let answer = try ask("POST", "/v1/jobs/\(ledger.jobs[index].id)/\(verb)")
    switch (answer.status, verb) {
    case (200, "cancel"): ledger.jobs[index].wish = .cancel
    case (200, "hold"): ledger.jobs[index].wish = .hold
    case (200, "release"): ledger.jobs[index].wish = .run
    // It had ended, or begun; or the change had been done, and only its answer was lost.
    case (409, "cancel") where answer.wasRepeated:
      // What is held does not end by itself.
      if ledger.jobs[index].wish == .hold { ledger.jobs[index].wish = .cancel }
      ledger.jobs[index].mayBeCancelled = true
    case (409, "cancel"): break
    case (409, "hold"): break
    case (409, "release") where answer.wasRepeated: ledger.jobs[index].wish = .run
    default: throw TestFault("\(verb) of \(ledger.jobs[index]): \(answer)")
    }
  }

  private func setQueue() throws {
    var settings = ledger.settings
    if random.chance(50) {
      settings.isPaused.toggle()
    } else {
      settings.concurrency = .random(in: 1...3, using: &random)
    }
    var patch: LabConnection.Object = ["paused": settings.isPaused]
    if let concurrency = settings.concurrency { patch["concurrency"] = concurrency }
    let answer = try ask("PATCH", "/v1/queues/\(ledger.queue)", patch)
    guard answer.status == 200 else { throw TestFault("PATCH \(patch): \(answer)") }
    ledger.settings = settings
  }
}

/// Sixteen clients, each on a thread of its own.
final class LabLoad: Sendable {
  private let isOver: Flag
  private let clients: [Task<LabClient.Ledger, any Error>]

  init(_ place: LabDaemon, random: inout SplitMix, clients count: Int = 16, _ manner: LabClient.Manner) throws {
    let script = place.directory + "/job.sh"
    try Data(Self.script(in: place.directory).utf8).write(to: URL(fileURLWithPath: script))
    let (isOver, socket) = (Flag(), place.socket)
    self.isOver = isOver
    clients = (0..<count).map { number in
      let seed = SplitMix(seed: random.next())
      return Task {
        try await withCheckedThrowingContinuation { continuation in
          Thread.detachNewThread {
            let client = LabClient(number, socket: socket, script: script, random: seed, manner)
            continuation.resume(with: Result { try client.run { isOver.isSet } })
          }
        }
      }
    }
  }

  /// Lets each finish what it is asking, and gives what all were promised.
  func stop() async throws -> [LabClient.Ledger] {
    isOver.set()
    var ledgers: [LabClient.Ledger] = []
    for client in clients { ledgers.append(try await client.value) }
    return ledgers
  }

  /// A job's program. The lock is the kernel's witness: a second attempt that begins while anything of the first is
  /// alive finds it taken. `book` says who began and who came to the end.
  private static func script(in directory: String) -> String {
    """
    exec 9>>"\(directory)/locks/$JOBQ_ID"
    book="\(directory)/book"
    flock -n 9 || echo "overlap $JOBQ_ID $JOBQ_ATTEMPT" >>"$book"
    echo "begin $JOBQ_ID $JOBQ_ATTEMPT" >>"$book"
    echo "hello from $JOBQ_ID $JOBQ_ATTEMPT"
    case $1 in
    slow) sleep 30 ;;
    escaping) (setsid sleep 600 &) ;;
    flaky) [ "$JOBQ_ATTEMPT" -gt 1 ] || exit 3 ;;
    esac
    sleep "$2"
    echo "end $JOBQ_ID $JOBQ_ATTEMPT" >>"$book"
    """
  }
}

/// Set once, from any thread.
final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set(_ isSet: Bool = true) { value.store(isSet, ordering: .relaxed) }
}
