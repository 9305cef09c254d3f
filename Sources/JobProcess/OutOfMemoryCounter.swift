import Glibc
import Synchronization

/// How often the kernel has ended a process for want of memory: in the nearest cgroup that counts it, else on the
/// whole host.
/// A leader that KILL ended, while this grew and we sent none, died of it.
final class OutOfMemoryCounter: Sendable {
  private let file: Descriptor?
  private let last = Mutex<(count: Int, time: UInt64)>((0, 0))

  /// - Parameter cgroup: the directory from which on upwards a `memory.events` is looked for.
  init(cgroup: String?) {
    var path = cgroup
    while let directory = path, directory.count > 1 {
      if let file = try? System.open("\(directory)/memory.events", O_RDONLY) {
        self.file = file
        return
      }
      path = directory.lastIndex(of: "/").map { String(directory[..<$0]) }
    }
    file = try? System.open("/proc/vmstat", O_RDONLY)
  }

  /// - Parameter age: a value that was read no longer ago than this, in nanoseconds, will do: reading costs as
  ///   much as a twentieth of a spawn.
  func count(noOlderThan age: UInt64 = 0) -> Int {
    guard let file else { return 0 }
    return last.withLock { last in
      let now = System.monotonicNow()
      if age == 0 || now - last.time > age, let text = try? System.contents(of: file) {
        last = (Self.count(in: text) ?? 0, now)
      }
      return last.count
    }
  }

  /// Of the line `oom_kill N`. By bytes: the file has hundreds of lines, and is read before a job starts.
  static func count(in text: [UInt8]) -> Int? {
    let key = Array("oom_kill ".utf8)
    var start = 0
    while start + key.count <= text.count {
      let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
      if text[start] == key[0], text[start..<end].starts(with: key) {
        return Int(String(decoding: text[(start + key.count)..<end], as: UTF8.self))
      }
      start = end + 1
    }
    return nil
  }
}
