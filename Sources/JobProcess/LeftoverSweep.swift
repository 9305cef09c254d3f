import Glibc
import JobModel

/// Ends what a dead daemon's attempts left behind. All of it blocks: it runs on a thread for that.
///
/// A process is of this store where it carries the store's mark, is in a cgroup of the store's name, is the noted
/// leader (pid, start time and
/// boot id together) or of that leader's session, or descends from such a one. Every signal goes through a
/// descriptor that was
/// opened before the process was looked at a second time: a recycled number is never signalled.
struct LeftoverSweep: Sendable {
  let store: String
  let cgroups: CgroupParent?
  let bootID: String
  let grace: TimeSpan
  let patience: TimeSpan
  /// Attempts of this daemon.
  let live: Set<AttemptKey>
  /// Where these alone are looked for, since others are under way by now.
  var only: Set<AttemptKey>?

  private struct Found {
    var processes: [ProcessEntry: AttemptKey] = [:]
    /// The directories of their cgroups.
    var cgroups: Set<String> = []
  }

  /// TERM, the grace, KILL. Answers the jobs of what is still there `patience` later; where the kernel could not say who
  /// is, for as long, all of them.
  func end(_ leftovers: [LeftoverProcess]) -> [JobID] {
    let mounts = CgroupParent.mounts()
    var directories: Set<String> = []
    var found: Found
    do throws(Failure) {
      found = try find(leftovers, mounts, until: Self.deadline(patience))
      directories = found.cgroups
      if !found.processes.isEmpty {
        let told = signal(found) { $0.terminate() }
        wait(for: told, until: Self.deadline(grace))
        let deadline = Self.deadline(patience)
        found = try find(leftovers, mounts, until: deadline)
        while !found.processes.isEmpty {
          directories.formUnion(found.cgroups)
          for directory in found.cgroups { Self.cgroup(at: directory)?.kill() }
          let killed = signal(found) { $0.killWithGroup() }
          wait(for: killed, until: deadline)
          // Who forks faster than it can be held is looked for again.
          if killed.isEmpty { pause() }
          found = try find(leftovers, mounts, until: deadline)
          if System.monotonicNow() >= deadline { break }
        }
      }
    } catch {
      // None can have outlived a boot; of one whose process was not noted yet nothing is known.
      return Set(leftovers.filter { $0.bootID == nil || $0.bootID == bootID }.map(\.id)).sorted()
    }
    for directory in directories { Self.cgroup(at: directory)?.removeAll() }
    for (cgroup, key) in cgroups?.cgroups(of: store) ?? [] where isMeant(key) { cgroup.removeAll() }
    // A hook that cannot be ended is no reason to hold its job up.
    return Set(found.processes.values.filter { $0.kind == .job }.map(\.id)).sorted()
  }

  /// There is no event to wait for: nothing tells of a process that one does not know yet. The pause is on a thread of
  /// the runner's own, and who makes it is bounded by a deadline.
  private func pause() { usleep(10_000) }

  /// The same as below, tried until the kernel can say who is there or the deadline has passed.
  private func find(
    _ leftovers: [LeftoverProcess], _ mounts: [(root: String, point: String)], until deadline: UInt64
  ) throws(Failure) -> Found {
    while true {
      do throws(Failure) { return try find(leftovers, mounts) } catch {
        if System.monotonicNow() >= deadline { throw error }
        pause()
      }
    }
  }

  /// One pass over /proc for all of them.
  private func find(
    _ leftovers: [LeftoverProcess], _ mounts: [(root: String, point: String)]
  ) throws(Failure) -> Found {
    let table = try ProcessTable.read()
    var found = Found()
    var children: [pid_t: [ProcessEntry]] = [:]
    for entry in table.values { children[entry.parent, default: []].append(entry) }
    let own = getpid()

    func add(_ root: ProcessEntry, _ key: AttemptKey) {
      var line = [root]
      while let entry = line.popLast() {
        guard entry.pid != own, found.processes[entry] == nil else { continue }
        found.processes[entry] = key
        line += children[entry.pid] ?? []
      }
    }

    var leaders: [pid_t: AttemptKey] = [:]
    for leftover in leftovers where leftover.bootID == bootID {
      guard let pid = leftover.pid, let entry = table[pid], entry.startTime == leftover.startTime else { continue }
      leaders[pid] = AttemptKey(id: leftover.id, attempt: leftover.attempt)
    }
    for entry in table.values where entry.pid != own && entry.parent != Self.kernelThreads {
      if let key = leaders[entry.pid] ?? leaders[entry.session] { add(entry, key) }
      if let path = try ProcessTable.cgroup(of: entry.pid), let (name, mark) = mark(inPath: path) {
        add(entry, mark.key)
        for mount in mounts {
          let below = mount.root != "/" && name.hasPrefix(mount.root) ? String(name.dropFirst(mount.root.count)) : name
          found.cgroups.insert(mount.point + below)
        }
      } else if let mark = try ProcessTable.mark(of: entry.pid), isOurs(mark) {
        add(entry, mark.key)
      }
    }
    found.processes = found.processes.filter { !$0.key.isZombie }
    return found
  }

  /// kthreadd, the parent of what has neither an environment nor an end.
  private static let kernelThreads: pid_t = 2

  private func isOurs(_ mark: ProcessMark) -> Bool { mark.store == store && isMeant(mark.key) }

  private func isMeant(_ key: AttemptKey) -> Bool { only?.contains(key) ?? !live.contains(key) }

  /// The part of a cgroup's path that ends with an attempt's name.
  private func mark(inPath path: String) -> (path: String, mark: ProcessMark)? {
    let names = path.split(separator: "/")
    for (index, name) in names.enumerated() {
      if let mark = ProcessMark(cgroupName: name), isOurs(mark) {
        return ("/" + names[...index].joined(separator: "/"), mark)
      }
    }
    return nil
  }

  private func signal(_ found: Found, _ send: (HeldProcess) -> Void) -> [HeldProcess] {
    // Who cannot be held now is found again.
    let held = found.processes.keys.compactMap { try? HeldProcess($0) }
    for process in held { send(process) }
    return held
  }

  /// Returns once all have ended, or at the deadline.
  private func wait(for processes: [HeldProcess], until deadline: UInt64) {
    var entries = processes.map { pollfd(fd: $0.descriptor.raw, events: Int16(POLLIN), revents: 0) }
    while !entries.isEmpty {
      let now = System.monotonicNow()
      guard now < deadline else { return }
      let rest = Int32(clamping: (deadline - now + 999_999) / 1_000_000)
      _ = try? System.check("poll") { unsafe poll(&entries, nfds_t(entries.count), rest) }
      entries.removeAll { $0.revents != 0 }
    }
  }

  private static func cgroup(at path: String) -> Cgroup? {
    guard let slash = path.lastIndex(of: "/"), let parent = try? System.openDirectory(String(path[..<slash])) else {
      return nil
    }
    return Cgroup(parent: parent, name: String(path[path.index(after: slash)...]))
  }

  private static func deadline(_ span: TimeSpan) -> UInt64 {
    System.monotonicNow() + UInt64(max(span.milliseconds, 0)) * 1_000_000
  }
}
