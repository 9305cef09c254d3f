import Glibc
import JobModel
import Logging
import Testing

@testable import JobDaemon

@Suite("Speaking with the service manager")
struct SystemdTests {
  private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test("messages arrive as sd_notify(3) has them, at a path", .timeLimit(.minutes(10)))
  func notifyPath() async throws {
    let scratch = try Scratch()
    let socket = try DatagramSocket(scratch.path + "/notify")
    let notifier = Notifier(path: scratch.path + "/notify", logger: quiet)
    #expect(notifier.isHeard)
    await notifier.send(.ready, .status("3 of 4 workers\nbusy"))
    #expect(socket.receive() == "READY=1\nSTATUS=3 of 4 workers\\u{a}busy")
    await notifier.send(.stopping)
    #expect(socket.receive() == "STOPPING=1")
    await notifier.send(.extendTimeout(.seconds(90)))
    #expect(socket.receive() == "EXTEND_TIMEOUT_USEC=90000000")
    await notifier.send(.watchdog)
    #expect(socket.receive() == "WATCHDOG=1")
  }

  @Test("messages arrive at an abstract address", .timeLimit(.minutes(10)))
  func notifyAbstract() async throws {
    let name = "@jobq-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let socket = try DatagramSocket(name)
    await Notifier(path: name, logger: quiet).send(.ready)
    #expect(socket.receive() == "READY=1")
  }

  @Test("a reload carries the monotonic time by which systemd tells it from others", .timeLimit(.minutes(10)))
  func reloading() async throws {
    let scratch = try Scratch()
    let socket = try DatagramSocket(scratch.path + "/notify")
    let notifier = Notifier(path: scratch.path + "/notify", logger: quiet)
    var before = timespec()
    clock_gettime(CLOCK_MONOTONIC, &before)
    await notifier.sendReloading()
    let lines = try #require(socket.receive()).split(separator: "\n")
    #expect(lines.first == "RELOADING=1")
    let time = try #require(lines.last?.split(separator: "=").last.flatMap { UInt64($0) })
    #expect(time >= UInt64(before.tv_sec) * 1_000_000)
    #expect(time < UInt64(before.tv_sec + 60) * 1_000_000)
  }

  @Test("without a manager, or with one that is gone, nothing is said and nothing fails")
  func nobody() async {
    #expect(!Notifier(path: nil, logger: quiet).isHeard)
    #expect(!Notifier(path: "vsock:2:1234", logger: quiet).isHeard)
    #expect(!Notifier(path: "/" + String(repeating: "x", count: 200), logger: quiet).isHeard)
    await Notifier(path: nil, logger: quiet).send(.ready)
    await Notifier(path: "/nonexistent/notify", logger: quiet).send(.ready)
  }

  @Test("the watchdog pings as long as the daemon answers, and no longer", .timeLimit(.minutes(10)))
  func watchdog() async throws {
    let scratch = try Scratch()
    let socket = try DatagramSocket(scratch.path + "/notify")
    let notifier = Notifier(path: scratch.path + "/notify", logger: quiet)
    let answers = Answers()
    let watchdog = try #require(
      Watchdog(environment: ["WATCHDOG_USEC": "400000"], pid: 1, notifier: notifier, logger: quiet) {
        await answers.next()
      })
    // It answers three times, then refuses, then never answers at all.
    let task = Task { await watchdog.run() }
    await answers.exhausted()
    task.cancel()
    await answers.open()
    await task.value
    await notifier.send(.stopping)
    #expect((0..<4).map { _ in socket.receive() } == ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"])
  }

  @Test("no watchdog runs where none is wanted, or another process is meant")
  func noWatchdog() throws {
    let scratch = try Scratch()
    let socket = try DatagramSocket(scratch.path + "/notify")
    let notifier = Notifier(path: socket.path, logger: quiet)
    for environment in [
      [:], ["WATCHDOG_USEC": "x"], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "9", "WATCHDOG_PID": "2"],
    ] {
      #expect(Watchdog(environment: environment, pid: 1, notifier: notifier, logger: quiet) { true } == nil)
    }
    let own = ["WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"]
    #expect(Watchdog(environment: own, pid: 1, notifier: notifier, logger: quiet) { true } != nil)
    let silent = Notifier(path: nil, logger: quiet)
    #expect(Watchdog(environment: own, pid: 1, notifier: silent, logger: quiet) { true } == nil)
  }

  @Test("a listening stream socket is taken over, closed on exec, and knows its path")
  func adopts() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/jobq.sock"
    let descriptor = try listener(at: path)
    defer { close(descriptor) }
    let environment = ["LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "jobq.socket"]
    let adopted = try ListeningSocket.adopt(environment: environment, pid: 42, from: descriptor)
    #expect(adopted == ListeningSocket(descriptor: descriptor, path: path))
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test(
    "descriptors that are meant for another process, or none, are let be",
    arguments: [
      [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "41", "LISTEN_FDS": "1"], ["LISTEN_PID": "42", "LISTEN_FDS": "0"],
    ])
  func notMeant(environment: [String: String]) throws {
    let scratch = try Scratch()
    let descriptor = try listener(at: scratch.path + "/s")
    defer { close(descriptor) }
    #expect(try ListeningSocket.adopt(environment: environment, pid: 42, from: descriptor) == nil)
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC == 0)
  }

  @Test("what is no listening stream socket is refused by its name")
  func refuses() throws {
    let scratch = try Scratch()
    let datagram = try DatagramSocket(scratch.path + "/d")
    let file = open("/dev/null", O_RDONLY)
    let deaf = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let internet = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { for descriptor in [file, deaf, internet] { close(descriptor) } }
    let environment = ["LISTEN_PID": "42", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "wrong.socket"]
    for descriptor in [datagram.descriptor, file, deaf, internet] {
      let error = #expect(throws: StartError.self) {
        try ListeningSocket.adopt(environment: environment, pid: 42, from: descriptor)
      }
      #expect(error?.code == .configuration)
      #expect(error?.description.contains("(wrong.socket)") == true)
      #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
    let two = ["LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"]
    let error = #expect(throws: StartError.self) { try ListeningSocket.adopt(environment: two, pid: 42, from: 900) }
    #expect(error?.description == "jobqd: systemd hands over 2 sockets (a:b); jobqd listens on one")
  }

  private func listener(at path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    try bindUnix(descriptor, to: path)
    try #require(listen(descriptor, 1) == 0)
    return descriptor
  }
}

/// What a watchdog is told: three times yes, once no, and then nothing until it is opened.
private actor Answers {
  private var count = 0
  private var isOpen = false
  private var waiters: [CheckedContinuation<Void, Never>] = []
  private var held: [CheckedContinuation<Void, Never>] = []

  func next() async -> Bool {
    count += 1
    if count <= 3 { return true }
    if count == 4 { return false }
    for waiter in waiters { waiter.resume() }
    waiters = []
    if !isOpen { await withCheckedContinuation { held.append($0) } }
    return true
  }

  /// Returns once a question hangs.
  func exhausted() async {
    if count < 5 { await withCheckedContinuation { waiters.append($0) } }
  }

  func open() {
    isOpen = true
    for continuation in held { continuation.resume() }
    held = []
  }
}

/// A manager's end of sd_notify(3).
final class DatagramSocket {
  let descriptor: Int32
  let path: String

  init(_ path: String) throws {
    self.path = path
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    try bindUnix(descriptor, to: path)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
  }
}

private func bindUnix(_ descriptor: Int32, to path: String) throws {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  let bytes = path.hasPrefix("@") ? [0] + path.utf8.dropFirst() : Array(path.utf8) + [0]
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
  let length = socklen_t(2 + bytes.count)
  let bound = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
  }
  try #require(bound == 0, "bind \(path): errno \(errno)")
}
