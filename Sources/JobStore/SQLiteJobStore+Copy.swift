import Glibc
import SQLite

extension SQLiteJobStore {
  /// Pages between two looks at whether the store closes or the writer needs the log: 4 MiB.
  private static let copyStep: Int32 = 1024
  /// What a copy leaves free on the disk, so that it does not become the full disk that refuses work.
  private static let copyReserve: Int64 = 64 << 20

  /// On a thread and a connection of its own, through SQLite's backup API, within one read transaction: neither the
  /// writer nor a reader waits for it. The log cannot be emptied meanwhile, and grows by what is written.
  package func copy() async throws(StoreError) -> StoreCopy {
    guard copySlot.take() else {
      throw StoreError(.busy, "another copy of the store is being made or read; try again once it is done")
    }
    let (path, signals, slot) = (path, signals, copySlot)
    let result: Result<StoreCopy, StoreError> = await withCheckedContinuation { continuation in
      do throws(StoreError) {
        try StoreThread.start("jobq-copy") {
          continuation.resume(
            returning: Result { () throws(StoreError) in try Self.makeCopy(of: path, signals, slot) })
        }
      } catch {
        continuation.resume(returning: .failure(error))
      }
    }
    // What holds the slot now is the copy, where there is one.
    if case .failure = result { copySlot.leave() }
    return try result.get()
  }

  private static func makeCopy(of path: String, _ signals: StoreSignals, _ slot: CopySlot) throws(StoreError)
    -> StoreCopy
  {
    let directory = StateDirectory(existing: String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
    let name = directory.copy
    unlink(name)
    let descriptor = Glibc.open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("open", name, errno) }
    do {
      try fill(name, in: directory, from: path, signals)
      // Only now: SQLite writes to no file that has lost its name. A daemon that dies before leaves it to the next.
      unlink(name)
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw StoreError.system("stat", name, errno) }
      return StoreCopy(descriptor: descriptor, size: Int64(status.st_size), slot: slot)
    } catch {
      Glibc.close(descriptor)
      unlink(name)
      if signals.isClosing { throw .closed(path) }
      if let error = error as? SQLiteError { throw .storage(error, name) }
      throw error as? StoreError ?? StoreError(.storage(.failed), "\(name): \(error)")
    }
  }

  private static func fill(_ name: String, in directory: StateDirectory, from path: String, _ signals: StoreSignals)
    throws
  {
    let target = try Connection(name, .readWrite)
    try target.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    let source = try openReader(path)
    try source.execute("BEGIN")
    let size = try source.value(
      "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", as: Int64.self)
    if let shortage = shortage(of: size ?? 0, in: directory.path) { throw shortage }
    try source.copy(to: target, pages: copyStep) { !signals.isClosing && !signals.isRepairing }
    try source.execute("COMMIT")
    target.cancel { signals.isClosing }
    // What is in the copy was in the store: damage that is found here is damage there.
    guard let flaw = try DatabaseFile.flaw(target) else { return try skipNumbers(in: target) }
    let damage = StoreError.damaged("\(path): in a copy of it \(flaw)")
    signals.note(damage: damage)
    throw damage
  }

  /// A number is never given twice: a queue that is restored must not give those again that were given after the copy was
  /// made, for people know them, and their logs lie beside it.
  private static func skipNumbers(in target: Connection) throws(SQLiteError) {
    try target.execute(
      """
      UPDATE store SET last_job = max(last_job, coalesce((SELECT max(id) FROM jobs), 0)) + \(StoreCopy.skippedNumbers)
      """)
    // The copy is in WAL mode, as its source is: out of the log, into the file that is handed out.
    try target.checkpoint(.truncate)
  }

  /// Why the copy cannot be made; nil where there is room for it.
  private static func shortage(of size: Int64, in directory: String) -> StoreError? {
    guard let free = FileSystem.freeBytes(at: directory), free < size + copyReserve else { return nil }
    return StoreError(
      .storage(.full),
      "a copy of the store takes \(size) bytes for a while, and \(copyReserve) must stay free, but \(directory) has "
        + "\(free); free some space there")
  }
}
