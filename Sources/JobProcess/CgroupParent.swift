import CJobProcess
import Glibc
import Synchronization

/// The cgroup under which each attempt gets its own.
final class CgroupParent: Sendable {
  let path: String
  /// Whether children can be born in a cgroup (clone3), or must join it before exec.
  let bearsChildren: Bool
  private let opened: Mutex<Descriptor>

  init(path: String, directory: Descriptor, bearsChildren: Bool) {
    self.path = path
    self.bearsChildren = bearsChildren
    opened = Mutex(directory)
  }

  var directory: Descriptor { opened.withLock { $0 } }

  /// Makes an attempt's cgroup and opens its directory. While nothing runs the parent is empty, and anyone may have
  /// removed it: then it is made again.
  func make(_ mark: ProcessMark) throws(Failure) -> (cgroup: Cgroup, directory: Descriptor) {
    let cgroup = Cgroup(parent: directory, name: mark.cgroupName)
    do throws(Failure) {
      return (cgroup, try cgroup.make())
    } catch  where error.errno == ENOENT {
      let parent = try Self.enter(path)
      opened.withLock { $0 = parent }
      let cgroup = Cgroup(parent: parent, name: mark.cgroupName)
      return (cgroup, try cgroup.make())
    }
  }

  /// The cgroups in it that carry this store's name.
  func cgroups(of store: String) -> [(cgroup: Cgroup, key: AttemptKey)] {
    ((try? System.names(in: directory)) ?? []).compactMap { name in
      guard let mark = ProcessMark(cgroupName: name), mark.store == store else { return nil }
      return (Cgroup(parent: directory, name: name), mark.key)
    }
  }

  /// Removes it where it is empty.
  func remove() { try? System.removeDirectory(path) }

  /// Finds or makes the parent, and tries it: a cgroup must take a child, and its `cgroup.kill` must end it.
  /// - Parameter given: where it shall be made; nil looks for this process's own place in the v2 hierarchy.
  /// - Throws: for people: why there can be none.
  static func find(given: String?, store: String) throws(ProcessError) -> CgroupParent {
    let path = if let given { given } else { try place(store: store) }
    do throws(Failure) {
      let directory = try enter(path)
      return CgroupParent(path: path, directory: directory, bearsChildren: try tryIt(directory, store: store))
    } catch {
      try? System.removeDirectory(path)
      throw ProcessError("no cgroup can be used at \"\(path)\"", error)
    }
  }

  private static func enter(_ path: String) throws(Failure) -> Descriptor {
    do throws(Failure) {
      try System.makeDirectory(path, mode: 0o755)
    } catch  where error.errno == EEXIST {}
    return try System.openDirectory(path)
  }

  private static func tryIt(_ directory: Descriptor, store: String) throws(Failure) -> Bool {
    let trial = Cgroup(parent: directory, name: "\(store).trial")
    let opened = try trial.make()
    defer { trial.removeAll() }
    var bearsChildren = false
    _ = try System.check("cgroup.kill") { unsafe jobq_try_cgroup(opened.raw, &bearsChildren) }
    return bearsChildren
  }

  /// Where systemd delegated its cgroup to the service (Delegate=yes), `jobs` beside the daemon's own leaf;
  /// else `jobq-STORE` below this process's own.
  private static func place(store: String) throws(ProcessError) -> String {
    let base = try base()
    return isDelegated(base) ? try delegatedPlace(base) : "\(base)/jobq-\(store)"
  }

  /// This process's own cgroup, as a directory.
  static func base() throws(ProcessError) -> String {
    guard let mount = mounts().first else {
      throw ProcessError("no cgroup v2 is mounted", errno: ENOENT, call: "/proc/self/mountinfo")
    }
    guard var own = try? ProcessTable.cgroup(of: getpid()) else {
      throw ProcessError("this process is in no cgroup v2", errno: ENOENT, call: "/proc/self/cgroup")
    }
    // In a container the mount shows only a part of the hierarchy.
    if mount.root != "/", own.hasPrefix(mount.root) { own = String(own.dropFirst(mount.root.count)) }
    return own == "/" || own.isEmpty ? mount.point : mount.point + (own.hasPrefix("/") ? own : "/" + own)
  }

  private static func delegatedPlace(_ base: String) throws(ProcessError) -> String {
    // cgroup v2 lets no cgroup that has members hand controllers to those below: the daemon makes room.
    do throws(Failure) {
      do throws(Failure) {
        try System.makeDirectory("\(base)/daemon", mode: 0o755)
      } catch  where error.errno == EEXIST {}
      try System.write("0", to: "\(base)/daemon/cgroup.procs")
    } catch {
      throw ProcessError("the daemon cannot move to \"\(base)/daemon\"", error)
    }
    return "\(base)/jobs"
  }

  /// systemd marks what it delegates: systemd.resource-control(5).
  private static func isDelegated(_ path: String) -> Bool {
    ["user.delegate", "trusted.delegate"].contains { name in
      var value: [UInt8] = [0, 0]
      return unsafe getxattr(path, name, &value, value.count) >= 1 && value[0] == UInt8(ascii: "1")
    }
  }

  /// Every mount of the v2 hierarchy, proc_pid_mountinfo(5). On a hybrid machine it lies at `/sys/fs/cgroup/unified`.
  static func mounts() -> [(root: String, point: String)] {
    guard let text = try? System.contents("/proc/self/mountinfo") else { return [] }
    return mounts(in: String(decoding: text, as: UTF8.self))
  }

  static func mounts(in text: String) -> [(root: String, point: String)] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      // The optional fields end with a hyphen, which the type of the file system follows.
      guard fields.count > 6, let hyphen = fields[6...].firstIndex(of: "-"), hyphen + 1 < fields.count,
        fields[hyphen + 1] == "cgroup2"
      else { return nil }
      return (unescaped(fields[3]), unescaped(fields[4]))
    }
  }

  /// Space, tab, newline and backslash stand as three octal digits.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
