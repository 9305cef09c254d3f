package import JobModel
import SQLite
import Synchronization

/// The end of a job that a hook is to be told of.
package struct HookDelivery: Sendable, Hashable, Identifiable {
  /// Never used again.
  package var id: Int64
  package var job: JobID
  package var end: JobEnd
  /// Runs of the hook that have failed.
  package var tries: Int
  /// The job as it was when it ended: the JSON of the API on one line, the values of `env` not shown.
  package var text: String

  package init(id: Int64, job: JobID, end: JobEnd, tries: Int, text: String) {
    self.id = id
    self.job = job
    self.end = end
    self.tries = tries
    self.text = text
  }
}

package struct HookReport: Sendable, Hashable {
  /// Those that are due, first come first.
  package var due: [HookDelivery]
  /// When the next is, by the boot clock; nil where none waits for a time.
  package var next: Int64?

  package init(due: [HookDelivery], next: Int64?) {
    self.due = due
    self.next = next
  }
}

/// What became of a delivery.
package enum HookVerdict: Sendable, Hashable {
  /// Delivered, given up, or wanted by nobody any more.
  case done
  /// The run failed; another one at this time of the boot clock.
  case again(at: Int64)
}

/// Which ends are wanted, for the thread that writes: set at any time by any task.
final class WantedHooks: Sendable {
  private let hooks = Mutex(Hooks())

  func set(_ hooks: Hooks) { self.hooks.withLock { $0 = hooks } }
  func want(_ end: JobEnd) -> Bool { hooks.withLock { !$0.isEmpty && $0.command(for: end) != nil } }
}

extension JobTable {
  /// Leaves a delivery where a hook wants to hear of this end. Called once the row and all that hangs on it are
  /// as they will be.
  func noteEnd(of row: JobRow, at moment: Moment) throws {
    guard let end = JobEnd(queue: row.queue, state: row.state, last: row.outcome), hooks.want(end) else { return }
    let text = try JSONText.line(reader.job(row).visible(to: nil))
    try statements[.insertDelivery].bind(row.id).bind(end.queue).bind(end.state).bind(end.outcome).bind(moment.boot)
      .bind(text).run()
  }

  func settle(_ delivery: Int64, _ verdict: HookVerdict) throws(SQLiteError) {
    switch verdict {
    case .done: try statements[.removeDelivery].bind(delivery).run()
    case .again(let due): try statements[.delayDelivery].bind(due).bind(delivery).run()
    }
  }
}

extension JobReader {
  func dueDeliveries(at moment: Moment, limit: Int) throws(SQLiteError) -> HookReport {
    HookReport(
      due: try statements[.dueDeliveries].bind(moment.boot).bind(limit).all { row throws(SQLiteError) in
        HookDelivery(
          id: try row.read(), job: try row.read(),
          end: JobEnd(queue: try row.read(), state: try row.read(), outcome: try row.read()),
          tries: try row.read(), text: try row.read())
      },
      next: try statements[.nextDelivery].bind(moment.boot).first { row throws(SQLiteError) in try row.read() })
  }
}

extension SQLiteJobStore {
  package func setHooks(_ hooks: Hooks) { signals.hooks.set(hooks) }

  package func dueDeliveries(at moment: Moment, limit: Int) async throws(StoreError) -> HookReport {
    try await read { try $0.dueDeliveries(at: moment, limit: limit) }
  }

  package func settle(_ delivery: Int64, _ verdict: HookVerdict) async throws(StoreError) {
    try await write(isSynced: false) { table in try table.settle(delivery, verdict) }
  }
}
