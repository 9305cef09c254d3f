import Glibc
import JobModel
import SQLite

extension StoreError {
  static func noSuchJob(_ id: JobID) -> StoreError { StoreError(.noSuchJob(id), "there is no job \(id)") }

  static func wrongState(_ id: JobID, _ state: JobState, _ why: String) -> StoreError {
    StoreError(.wrongState(id, state), "job \(id) is \(state.rawValue): \(why)")
  }

  static func closed(_ path: String) -> StoreError {
    StoreError(.closed, "the store \(path) is closed: jobqd is stopping; try again once it is back")
  }

  /// A system call that failed.
  static func system(_ call: String, _ path: String?, _ code: Int32) -> StoreError {
    let what = [call, path].compactMap { $0 }.joined(separator: " ")
    let cause = "\(what): \(String(cString: strerror(code))) (errno \(code))"
    switch code {
    case ENOSPC, EDQUOT: return StoreError(.storage(.full), "\(cause); free some space there")
    case EACCES, EPERM, EROFS, ELOOP, ENOTDIR:
      return StoreError(
        .refused(.permission), "\(cause); give jobqd a state directory that is its own and that it may write to")
    default: return StoreError(.storage(.failed), cause)
    }
  }

  /// What is said of a failure while jobs are kept or read: nothing of it is acknowledged.
  static func storage(_ error: SQLiteError, _ path: String) -> StoreError {
    let cause = "\(path): \(error.message) (SQLite code \(error.code)\(error.errnoText))"
    if error.isDamage { return damaged(cause) }
    if error.isFault {
      return StoreError(
        .fault, "\(cause); nothing was changed. This is a fault in jobqd: please report it, with what was asked")
    }
    if error.isFull || error.systemErrno == ENOSPC || error.systemErrno == EDQUOT {
      return StoreError(
        .storage(.full), "\(cause); nothing of this was acknowledged. Free some space on its file system and try again")
    }
    if error.systemErrno == EROFS {
      return StoreError(
        .storage(.failed),
        "\(cause); nothing of this was acknowledged. The file system has become read-only, as happens after an error of "
          + "the disk: look at the kernel's log; where it must be checked and mounted anew, stop jobqd for it")
    }
    if error.isBusy {
      return StoreError(
        .storage(.failed),
        "\(cause); nothing of this was acknowledged. Another program has the database open for writing: end it")
    }
    return StoreError(
      .storage(.failed),
      "\(cause); nothing of this was acknowledged. Look at the kernel's log for errors of the disk, then try again")
  }

  /// The database's bytes are not what they must be: seen while the store is open.
  static func damaged(_ cause: String) -> StoreError {
    StoreError(
      .storage(.damaged),
      "\(cause); the database is damaged, and new work is refused. Stop jobqd, keep a copy of the file, and "
        + "restore a backup or recover what can be read with `sqlite3 FILE .recover`")
  }

  /// What is said of a failure at the opening: the file is left as it is.
  static func refusal(_ error: SQLiteError, _ path: String) -> StoreError {
    let cause = "\(path): \(error.message) (SQLite code \(error.code)\(error.errnoText))"
    if error.isDamage { return refusedAsDamaged(path, "\(error.message) (SQLite code \(error.code))") }
    if error.isBusy {
      return StoreError(
        .refused(.locked), "\(cause); another program has the database locked: end it and start jobqd again")
    }
    if error.isFull || error.systemErrno == ENOSPC || error.systemErrno == EDQUOT {
      return StoreError(.storage(.full), "\(cause); free some space on its file system")
    }
    if error.isPermission {
      return StoreError(
        .refused(.permission), "\(cause); the file and its directory must be jobqd's own to read and write")
    }
    return StoreError(.storage(.failed), cause)
  }

  static func refusedAsDamaged(_ path: String, _ cause: String) -> StoreError {
    StoreError(
      .refused(.damaged),
      "the database \(path) is damaged: \(cause). It was left untouched. Keep a copy, then restore a backup "
        + "in its place, or recover what can be read with `sqlite3 \(path) .recover`")
  }
}

extension SQLiteError {
  fileprivate var errnoText: String {
    systemErrno == 0 ? "" : ", errno \(systemErrno): \(String(cString: strerror(systemErrno)))"
  }
}
