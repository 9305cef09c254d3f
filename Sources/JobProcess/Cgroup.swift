import Glibc

/// The cgroup of one attempt, cgroups(7) and the kernel's admin-guide/cgroup-v2: no process can leave it, and it
/// ends them all at once.
struct Cgroup: Sendable {
  /// The directory that it is in.
  let parent: Descriptor
  let name: String

  /// Makes it and opens its directory. One that an earlier attempt left empty is replaced; where it is not
  /// empty this throws EBUSY.
  func make() throws(Failure) -> Descriptor {
    do throws(Failure) {
      try System.makeDirectory(name, at: parent, mode: 0o755)
    } catch  where error.errno == EEXIST {
      removeAll()
      do throws(Failure) {
        try System.makeDirectory(name, at: parent, mode: 0o755)
      } catch {
        throw Failure(errno: error.errno == EEXIST ? EBUSY : error.errno, call: error.call)
      }
    }
    return try System.openDirectory(name, at: parent)
  }

  /// Removes it if no process lives in it; a zombie does not count. True where it is gone.
  func remove() -> Bool {
    do throws(Failure) {
      try System.removeDirectory(name, at: parent)
      return true
    } catch {
      return error.errno == ENOENT
    }
  }

  /// Removes it with the cgroups that were made inside.
  func removeAll() {
    for path in paths().reversed() { try? System.removeDirectory(path, at: parent) }
  }

  /// The file whose EPOLLPRI tells that the cgroup became empty.
  func events() throws(Failure) -> Descriptor { try System.open("\(name)/cgroup.events", at: parent, O_RDONLY) }

  /// Whether a living process is in it or in one below.
  static func isPopulated(_ events: Descriptor) throws(Failure) -> Bool {
    let text = try System.read(events, at: 0, max: 256)
    return String(decoding: text, as: UTF8.self).split(separator: "\n").contains("populated 1")
  }

  /// The processes in it and below. A cgroup whose list cannot be read (a threaded one, or one for which the kernel has no
  /// descriptor left) counts as one process of number 0.
  func processes() -> [pid_t] {
    paths().flatMap { path -> [pid_t] in
      do throws(Failure) {
        return try Self.pids(System.contents("\(path)/cgroup.procs", at: parent))
      } catch {
        return error.errno == ENOENT || error.errno == ENODEV || error.errno == ENOTDIR ? [] : [0]
      }
    }
  }

  private static func pids(_ text: [UInt8]) -> [pid_t] {
    text.split(separator: UInt8(ascii: "\n")).compactMap { pid_t(String(decoding: $0, as: UTF8.self)) }
  }

  /// Sends TERM to every process, until a pass finds no new one.
  func terminate() {
    var told: Set<pid_t> = []
    for _ in 0..<16 {
      let fresh = processes().filter { told.insert($0).inserted && $0 > 0 }
      if fresh.isEmpty { return }
      for pid in fresh { hold(pid)?.terminate() }
    }
  }

  /// Ends every process with KILL.
  func kill() {
    do throws(Failure) {
      try System.write("1", to: "\(name)/cgroup.kill", at: parent)
    } catch {
      killOneByOne()
    }
  }

  /// As above, where the kernel is older than 5.14: a frozen process forks no more, and KILL reaches it all the same.
  func killOneByOne() {
    try? System.write("1", to: "\(name)/cgroup.freeze", at: parent)
    var told: Set<pid_t> = []
    for _ in 0..<64 {
      let fresh = processes().filter { told.insert($0).inserted && $0 > 0 }
      if fresh.isEmpty { break }
      for pid in fresh { hold(pid)?.send(SIGKILL) }
    }
    try? System.write("0", to: "\(name)/cgroup.freeze", at: parent)
  }

  /// Whether the kernel ended a process in it for want of memory; nil where memory is not accounted for each cgroup.
  func hasRunOutOfMemory() -> Bool? {
    guard let text = try? System.contents("\(name)/memory.events", at: parent) else { return nil }
    return OutOfMemoryCounter.count(in: text).map { $0 > 0 }
  }

  /// The process of this number if it is in this cgroup.
  private func hold(_ pid: pid_t) -> HeldProcess? {
    guard let entry = try? ProcessTable.entry(pid), let process = try? HeldProcess(entry),
      let path = try? ProcessTable.cgroup(of: pid), path.split(separator: "/").contains(Substring(name))
    else { return nil }
    return process
  }

  /// This cgroup and those below it, relative to the parent, the outer first. Where the kernel cannot say whether a name is
  /// a cgroup's it is taken for one.
  private func paths() -> [String] {
    var paths = [name]
    var next = 0
    while next < paths.count {
      let path = paths[next]
      next += 1
      guard let directory = try? System.openDirectory(path, at: parent),
        let names = try? System.names(in: directory)
      else { continue }
      for name in names {
        do throws(Failure) {
          _ = try System.openDirectory(name, at: directory)
          paths.append("\(path)/\(name)")
        } catch {
          if error.isShortage { paths.append("\(path)/\(name)") }
        }
      }
    }
    return paths
  }
}
