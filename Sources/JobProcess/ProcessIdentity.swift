package import JobModel

/// The leader of an attempt that has begun: what tells it from every other process, ever.
package struct StartedProcess: Sendable, Hashable {
  package var pid: Int32
  /// Clock ticks between the boot and its start: field 22 of /proc/PID/stat, proc(5).
  package var startTime: UInt64
  /// /proc/sys/kernel/random/boot_id, random(4).
  package var bootID: String
}

/// An attempt of a daemon that died. What was not noted before its death is nil.
package struct LeftoverProcess: Sendable, Hashable {
  package var id: JobID
  package var attempt: Int
  package var pid: Int32?
  package var startTime: UInt64?
  package var bootID: String?

  package init(id: JobID, attempt: Int, pid: Int32?, startTime: UInt64?, bootID: String?) {
    self.id = id
    self.attempt = attempt
    self.pid = pid
    self.startTime = startTime
    self.bootID = bootID
  }
}

/// One attempt, among all of one store.
struct AttemptKey: Hashable, Sendable {
  var id: JobID
  var attempt: Int
  var kind = AttemptPlan.Kind.job
}

/// What every process of an attempt carries in its environment, and what its cgroup is named after, from before
/// it exists.
struct ProcessMark: Hashable, Sendable {
  static let variable = "JOBQ_MARK"

  var store: String
  var key: AttemptKey

  var value: String { text(separator: "/") }
  var cgroupName: String { text(separator: ".") }

  private func text(separator: String) -> String {
    let parts = [store, key.id.description, String(key.attempt)] + (key.kind == .hook ? [Self.hook] : [])
    return parts.joined(separator: separator)
  }

  /// What follows the number of a hook.
  private static let hook = "hook"

  init(store: String, key: AttemptKey) {
    self.store = store
    self.key = key
  }

  init?(value: some StringProtocol) { self.init(value, separator: "/") }
  init?(cgroupName: some StringProtocol) { self.init(cgroupName, separator: ".") }

  private init?(_ text: some StringProtocol, separator: Character) {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == 3 || (parts.count == 4 && parts[3] == Self.hook), !parts[0].isEmpty,
      let id = JobID(parts[1]), let attempt = Int(parts[2])
    else { return nil }
    store = String(parts[0])
    key = AttemptKey(id: id, attempt: attempt, kind: parts.count == 4 ? .hook : .job)
  }

  /// The mark in an environment as /proc/PID/environ has it: entries that end in NUL.
  init?(environment: [UInt8]) {
    let prefix = Array("\(Self.variable)=".utf8)
    for entry in environment.split(separator: 0) where entry.starts(with: prefix) {
      self.init(value: String(decoding: entry.dropFirst(prefix.count), as: UTF8.self))
      return
    }
    return nil
  }
}
