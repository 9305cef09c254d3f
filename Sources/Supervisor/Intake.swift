import JobModel
import Synchronization

/// Whether new work is taken, and what it gets where its request leaves it open. Asked for each enqueue, on whatever
/// thread it comes: a hop to the supervisor and back would cost it more than all of its checks.
final class Intake: Sendable {
  private struct Terms {
    var defaults: JobDefaults
    var isDraining = false
    var isStopping = false
  }

  private let terms: Mutex<Terms>

  init(_ defaults: JobDefaults) { terms = Mutex(Terms(defaults: defaults)) }

  func set(_ defaults: JobDefaults) { terms.withLock { $0.defaults = defaults } }

  func set(isDraining: Bool, isStopping: Bool) {
    terms.withLock { terms in
      terms.isDraining = isDraining
      terms.isStopping = isStopping
    }
  }

  /// Throws where no new work is taken.
  func defaults() throws(Problem) -> JobDefaults {
    let terms = terms.withLock { $0 }
    if terms.isStopping { throw Problem(.notReady, "jobqd is stopping; try again once it is back") }
    if terms.isDraining {
      throw Problem(.draining, "jobqd drains and takes no new work; `jobq resume` ends the drain")
    }
    return terms.defaults
  }
}
