import CrashPoints
import SQLite

/// 4 MiB in pages of 4 KiB: the WAL's size at which it is copied into the database.
private let checkpointPages = 1024

extension Writer {
  /// How long the log becomes, with its headers: it is copied once a commit has passed the limit.
  static let usualLogBytes = Int64(32 + (checkpointPages + 64) * (24 + 4096))
}

/// What the writer does for the disk's sake: copying the log, and what follows a write or a sync that failed.
extension Writer {
  /// Copies the WAL once it is long, when nobody waits to be answered. Only here: in SQLite 3.7.0 to 3.51.2 two
  /// connections that checkpoint at once can corrupt it (https://www.sqlite.org/wal.html#walresetbug).
  func checkpointIfDue() {
    guard connection.walPages > checkpointPages, !mustRepair, signals.damage == nil else { return }
    leaveAhead()
    signals.log.take()
    defer { signals.log.give() }
    guard !signals.log.isInDoubt else { return }
    CrashPoint.checkpointing.pass()
    do { try connection.checkpoint(.passive) } catch { _ = note(error) }
    CrashPoint.checkpointed.pass()
  }

  /// Why nothing can be written now. Looked for before each transaction, not only each group: what one met concerns the
  /// next. Here those learn what became of them whose sync has failed: they have waited, since what they did can be seen,
  /// and neither yes nor no would have been true.
  func obstacle() -> StoreError? {
    if let damage = signals.damage {
      for group in signals.log.takeDoubtful() { group.fail(damage) }
      return damage
    }
    if signals.log.isInDoubt { noteUncertainty() }
    guard mustRepair else { return nil }
    do {
      try repair()
    } catch {
      let told = note(error)
      if signals.log.isInDoubt { signals.tell(.failing(told)) }
      if !signals.isPatient || signals.damage != nil {
        for group in signals.log.takeDoubtful() { group.fail(told) }
      }
      return told
    }
    if signals.log.isInDoubt, let failure = signals.log.failure {
      signals.tell(.mended("\(failure), errno \(failure.systemErrno)"))
    }
    for group in signals.log.takeDoubtful() {
      signals.log.take()
      signals.log.tell(group, signals) { signals.log.give() }
    }
    return nil
  }

  /// Brings all that is committed into the database, synced.
  private func repair() throws {
    leaveAhead()
    signals.log.take()
    defer { signals.log.give() }
    try verifyLog()
    // Readers are short: a moment is enough for them to get out of the way.
    connection.wait(forLocks: 2000)
    defer { connection.wait(forLocks: 0) }
    try connection.checkpoint(.truncate)
    mustRepair = false
    signals.note(repairing: false)
  }

  /// After a sync that failed the kernel may have let go of what it could not write, and read what the disk has instead
  /// (https://lwn.net/Articles/752063/). A checkpoint would copy it into the database: it does not look at the sums.
  private func verifyLog() throws {
    let pages = connection.walPages
    guard pages > 0 else { return }
    let whole = try WriteAheadLog(of: path + "-wal")?.frames ?? 0
    guard whole >= pages else {
      let damage = StoreError.damaged(
        "\(path): of the \(pages) pages of its log the disk has kept \(whole): the last transactions are lost, of which "
          + "none was acknowledged, and what jobqd knows is not what is stored. Start it again")
      signals.note(damage: damage)
      throw damage
    }
  }
}
