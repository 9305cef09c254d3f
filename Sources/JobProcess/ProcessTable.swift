import Glibc

/// A process as /proc/PID/stat has it, proc(5). Two entries are equal where they are of one process, whatever it
/// did meanwhile.
struct ProcessEntry: Hashable, Sendable {
  var pid: pid_t
  var parent: pid_t
  var group: pid_t
  var session: pid_t
  /// Clock ticks since the boot. With the pid it names a process for as long as the host runs.
  var startTime: UInt64
  /// It has ended, and only waits for its parent to notice.
  var isZombie: Bool

  static func == (left: ProcessEntry, right: ProcessEntry) -> Bool {
    left.pid == right.pid && left.startTime == right.startTime
  }

  func hash(into hasher: inout Hasher) { hasher.combine(pid) }
}

/// What /proc says of the processes there are. Each call throws where the kernel could not say: who is not seen then may
/// well be there.
enum ProcessTable {
  /// Nil where there is no such process.
  static func entry(_ pid: pid_t) throws(Failure) -> ProcessEntry? {
    let text = try Failure.ifThere { () throws(Failure) in
      try System.read(System.open("/proc/\(pid)/stat", O_RDONLY), at: 0, max: 1024)
    }
    return text.flatMap { parse($0, pid: pid) }
  }

  /// The start time of a process that was made between these times of CLOCK_BOOTTIME, in nanoseconds: the kernel has it by that
  /// clock, and shows whole ticks of it. Nil where they are not of the same tick. (To read it costs a fortieth of a short
  /// job's whole run.)
  static func startTime(after: UInt64, by: UInt64) -> UInt64? {
    let ticks = sysconf(Int32(_SC_CLK_TCK))
    guard ticks > 0 else { return nil }
    let tick = 1_000_000_000 / UInt64(ticks)
    return after / tick == by / tick ? by / tick : nil
  }

  /// The name of the program stands in parentheses and may hold any byte, these too: the fields follow the last
  /// of them.
  static func parse(_ text: [UInt8], pid: pid_t) -> ProcessEntry? {
    guard let close = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = text[(close + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
    // The first of these is field 3, the state.
    guard fields.count > 19, let state = fields[0].first, let parent = number(fields[1]),
      let group = number(fields[2]), let session = number(fields[3]), let startTime = number(fields[19])
    else { return nil }
    return ProcessEntry(
      pid: pid, parent: pid_t(truncatingIfNeeded: parent), group: pid_t(truncatingIfNeeded: group),
      session: pid_t(truncatingIfNeeded: session), startTime: startTime,
      isZombie: state == UInt8(ascii: "Z") || state == UInt8(ascii: "X"))
  }

  /// Every process that can be seen. `met` is called with each as it is read: what lives only for a moment is
  /// gone once all are.
  static func read(met: (ProcessEntry) throws(Failure) -> Void = { _ in }) throws(Failure) -> [pid_t: ProcessEntry] {
    var entries: [pid_t: ProcessEntry] = [:]
    for pid in try pids(in: "/proc") {
      guard let entry = try entry(pid) else { continue }
      entries[pid] = entry
      if !entry.isZombie { try met(entry) }
    }
    return entries
  }

  /// Nil where it may not be read, or the process is gone.
  static func mark(of pid: pid_t) throws(Failure) -> ProcessMark? {
    try Failure.ifThere { () throws(Failure) in try System.contents("/proc/\(pid)/environ") }
      .flatMap { ProcessMark(environment: $0) }
  }

  /// The path of its cgroup in the v2 hierarchy, cgroups(7).
  static func cgroup(of pid: pid_t) throws(Failure) -> String? {
    guard
      let text = try Failure.ifThere({ () throws(Failure) in try System.contents("/proc/\(pid)/cgroup") })
    else { return nil }
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "0::".utf8) {
      return String(decoding: line.dropFirst(3), as: UTF8.self)
    }
    return nil
  }

  /// The children of this process: its own and those it adopted. Each thread has a list of those that it made;
  /// an adopted one is in
  /// the first thread's. A list is complete as long as nobody else takes children away meanwhile, and only the
  /// caller reaps.
  static func children() throws(Failure) -> [pid_t] {
    var children: [pid_t] = []
    for thread in try pids(in: "/proc/self/task") {
      let list = try Failure.ifThere { () throws(Failure) in
        try System.contents("/proc/self/task/\(thread)/children")
      }
      guard let text = list else { continue }
      children += text.split(separator: UInt8(ascii: " ")).compactMap { number($0).map { pid_t($0) } }
    }
    return children
  }

  static func bootID() throws(Failure) -> String {
    let text = try System.contents("/proc/sys/kernel/random/boot_id")
    return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  private static func pids(in directory: String) throws(Failure) -> [pid_t] {
    try System.names(in: System.open(directory, O_RDONLY | O_DIRECTORY)).compactMap { pid_t($0) }
  }

  private static func number(_ text: some Sequence<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    var isEmpty = true
    for byte in text {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value &* 10 &+ UInt64(byte - 0x30)
      isEmpty = false
    }
    return isEmpty ? nil : value
  }
}

/// A process that is held by a descriptor: a signal reaches it or nobody, whatever becomes of its number.
struct HeldProcess: Sendable {
  let entry: ProcessEntry
  let descriptor: Descriptor

  /// Nil where the process is gone, or its number belongs to another by now. Throws where the kernel could not say.
  init?(_ entry: ProcessEntry) throws(Failure) {
    let raw = try Failure.ifThere { () throws(Failure) in
      try System.check("pidfd_open") { Kernel.openProcess(entry.pid) }
    }
    guard let raw else { return nil }
    descriptor = Descriptor(raw)
    self.entry = entry
    // The descriptor pins who had the number when it was opened; this says whether that was who is meant.
    guard let now = try ProcessTable.entry(entry.pid), now.startTime == entry.startTime else { return nil }
  }

  func send(_ signal: Int32) { Kernel.signal(descriptor.raw, signal) }

  /// KILL to it and to its whole group, in which nothing forks meanwhile: that reaches processes that live too
  /// short to be found. The group's
  /// number is its own as long as one of it is there, and this one is stopped.
  func killWithGroup() {
    send(SIGSTOP)
    if let now = try? ProcessTable.entry(entry.pid), now == entry, !now.isZombie, now.group > 1, now.group != getpgrp()
    {
      kill(-now.group, SIGKILL)
    }
    send(SIGKILL)
  }

  /// TERM, and CONT so that a stopped process can act on it.
  func terminate() {
    send(SIGTERM)
    send(SIGCONT)
  }
}
