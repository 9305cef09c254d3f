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

  struct Sweep: Sendable {
    /// Those that were alive, to be waited for; the leader is not among them.
    var living: [Descriptor]
    /// Whether the last pass met nobody new. Where it is not, a tree that forks faster than it can be
    /// followed is to be met again.
    var isComplete: Bool
    /// Whether the kernel answered every question. Where it did not, somebody may be there whom it did not show.
    var isCertain: Bool
    var isEmpty: Bool { living.isEmpty && isComplete && isCertain }
  }

  private static let mostPasses = 16

  /// Does what the stage asks to every process of the tree, until a pass over /proc meets none that is new.
  /// Blocks for some
  /// milliseconds.
  func sweep(_ stage: Stage) -> Sweep {
    // The leader is not reaped: its group is the tree's own. This reaches at once what forks faster than it
    // can be found.
    if stage == .kill { kill(-leader.pid, SIGKILL) }
    var met: [ProcessEntry: HeldProcess?] = [:]
    var isComplete = false
    var isCertain = true
    do throws(Failure) {
      for _ in 0..<Self.mostPasses where !isComplete {
        let known = met.count
        let members = try members { entry throws(Failure) in try meet(entry, stage, &met) }
        for entry in members { try meet(entry, stage, &met) }
        isComplete = met.count == known
      }
    } catch {
      isCertain = false
    }
    // Who was gone before it could be held may have left a child: it counts as met, and nobody waits for it.
    return Sweep(
      living: met.compactMap { $0 == leader ? nil : $1?.descriptor }, isComplete: isComplete, isCertain: isCertain)
  }

  private func meet(
    _ entry: ProcessEntry, _ stage: Stage, _ met: inout [ProcessEntry: HeldProcess?]
  ) throws(Failure) {
    guard met[entry] == nil else { return }
    let process = try HeldProcess(entry)
    met[entry] = .some(process)
    switch stage {
    case .look: break
    case .terminate: process?.terminate()
    case .kill: process?.killWithGroup()
    }
  }

  /// The living processes of the tree at this moment. `met` is told at once of those that need no other to be
  /// recognised.
  private func members(met: (ProcessEntry) throws(Failure) -> Void) throws(Failure) -> [ProcessEntry] {
    let own = getpid()
    var roots = Set(orphans + [leader])
    let table = try ProcessTable.read { entry throws(Failure) in
      guard entry.pid != own else { return }
      if entry.session != leader.pid, !roots.contains(entry), try !isMarked(entry, own) { return }
      roots.insert(entry)
      try met(entry)
    }
    var children: [pid_t: [ProcessEntry]] = [:]
    for entry in table.values { children[entry.parent, default: []].append(entry) }
    var members: Set<ProcessEntry> = []
    // A root that is gone, or whose number another has by now, is not in the table.
    var line = roots.compactMap { root in table[root.pid].flatMap { $0 == root ? $0 : nil } }
    while let entry = line.popLast() {
      if entry.pid != own, members.insert(entry).inserted { line += children[entry.pid] ?? [] }
    }
    return members.filter { !$0.isZombie }
  }

  private func isMarked(_ entry: ProcessEntry, _ own: pid_t) throws(Failure) -> Bool {
    guard !adoptsOrphans || entry.parent == own else { return false }
    return try ProcessTable.mark(of: entry.pid) == mark
  }
}
