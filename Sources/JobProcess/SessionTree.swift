import Glibc

/// The processes of an attempt where no cgroup holds them: the leader and its session, those that carry the mark,
/// and all that descend from one of them.
struct SessionTree: Sendable {
  /// How far an attempt's end has come: what is done to each process that is found.
  enum Stage: Int, Comparable, Sendable {
    case look, terminate, kill

    static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  /// Not yet reaped, so that neither its number nor its session's can be another's.
  let leader: ProcessEntry
  let mark: ProcessMark
  /// Adopted orphans that are known to be of this tree.
  var orphans: [ProcessEntry] = []
  /// Whether orphans come to this process; else the mark is looked for in every process.
  let adoptsOrphans: Bool

  /// Passes are repeated while they find new processes. A tree that forks faster than that is met again at the
  /// next sweep.
  private static let mostPasses = 16

  /// Does what the stage asks to every process of the tree but a dead leader, until a pass over /proc finds
  /// none that is new. Answers those that
  /// were alive, to be waited for; the leader is not among them. Blocks for some milliseconds.
  func sweep(_ stage: Stage) -> [Descriptor] {
    var found: [ProcessEntry: HeldProcess] = [:]
    // A stopped process forks no more; that is what ends the race.
    for signal in stage == .kill ? [SIGSTOP, SIGKILL] : [SIGTERM] {
      if signal == SIGKILL { for process in found.values { process.send(SIGKILL) } }
      for _ in 0..<Self.mostPasses {
        let fresh = members().filter { found[$0] == nil }
        if fresh.isEmpty { break }
        for entry in fresh {
          guard let process = HeldProcess(entry) else { continue }
          found[entry] = process
          switch (stage, signal) {
          case (.look, _): break
          case (.terminate, _): process.terminate()
          case (.kill, _): process.send(signal)
          }
        }
        if stage == .look { break }
      }
    }
    return found.filter { $0.key != leader }.map(\.value.descriptor)
  }

  /// The living processes of the tree at this moment.
  private func members() -> [ProcessEntry] {
    let table = ProcessTable.read()
    let own = getpid()
    var children: [pid_t: [pid_t]] = [:]
    for entry in table.values { children[entry.parent, default: []].append(entry.pid) }

    var members: Set<pid_t> = []
    func add(_ root: pid_t) {
      var line = [root]
      while let pid = line.popLast() {
        if pid == own { continue }
        if members.insert(pid).inserted { line += children[pid] ?? [] }
      }
    }
    for known in orphans + [leader] where table[known.pid]?.startTime == known.startTime { add(known.pid) }
    for entry in table.values where entry.session == leader.pid { add(entry.pid) }
    for entry in table.values where !members.contains(entry.pid) && entry.pid != own {
      guard !adoptsOrphans || entry.parent == own else { continue }
      if ProcessTable.mark(of: entry.pid) == mark { add(entry.pid) }
    }
    return members.compactMap { table[$0] }.filter { !$0.isZombie }
  }
}
