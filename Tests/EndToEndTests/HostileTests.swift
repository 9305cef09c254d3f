import Foundation
import Glibc
import Testing

/// Jobs and clients that would take more than their share: the daemon's memory stays bounded, and the others are served.
@Suite("Hostile jobs and clients", .serialized)
struct HostileTests {
  @Test(
    "a job that prints a gigabyte without a newline costs no memory, and its log keeps its bound",
    .timeLimit(.minutes(10)))
  func gigabyte() async throws {
    try await TestDaemon.run(config: "workers: 2\ndefaults: {log_max: 1MiB}\n") { daemon in
      let before = try pss(daemon)
      let flood = try await daemon.enqueue("head", "-c", "1000000000", "/dev/zero")
      let others = try await serveOthers(daemon, while: flood)
      let job = try await daemon.job(flood)
      #expect(job["state"] as? String == "succeeded", "it is not killed for its output")
      #expect(others > 0)
      let growth = try pss(daemon) - before
      print("hostile: a gigabyte of output, \(growth >> 10) KiB more in memory, \(others) other jobs meanwhile")
      #expect(growth < 48 << 20)
      #expect(try size(of: daemon.state + "/logs") < 3 << 20)
    }
  }

  @Test(
    "a job that starts 2,000 children and leaves them ends with none left; one that closes its output ends as it ends",
    .timeLimit(.minutes(10)))
  func children() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let before = try pss(daemon)
      let mark = "jobq-hostile-\(UUID().uuidString.prefix(8))"
      let many = try await daemon.enqueue(
        "sh", "-c", "i=0; while [ $i -lt 2000 ]; do sh -c 'exec sleep 600' \(mark) & i=$((i+1)); done; exit 3")
      let silent = try await daemon.enqueue("sh", "-c", "exec >&- 2>&- <&-; sleep 0.2; exit 4")
      #expect(try await daemon.jobq("wait", silent, "--timeout", "600s").status == 4)
      #expect(try await daemon.jobq("wait", many, "--timeout", "600s").status == 3)
      let left = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { pid in
        guard Int(pid) != nil, let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else {
          return false
        }
        return environment.range(of: Data("JOBQ_SOCKET=\(daemon.socket)".utf8)) != nil
      }
      #expect(left.isEmpty, "\(left)")
      #expect(try pss(daemon) - before < 48 << 20)
    }
  }

  @Test("1,000 idle connections and 300 half-open ones keep nobody from being served", .timeLimit(.minutes(10)))
  func connections() async throws {
    try await TestDaemon.run { daemon in
      let before = try pss(daemon)
      var open: [Int32] = []
      defer { for descriptor in open { close(descriptor) } }
      for number in 0..<1300 {
        guard let descriptor = connect(daemon.socket) else { break }
        open.append(descriptor)
        if number >= 1000 {
          let half = "POST /v1/jobs HTTP/1.1\r\nHost: j\r\nContent-Length: 100\r\n\r\n{\"comm"
          _ = half.withCString { send(descriptor, $0, half.utf8.count, Int32(MSG_NOSIGNAL)) }
        }
      }
      #expect(open.count == 1300)
      for _ in 0..<20 { #expect(try await daemon.jobq("enqueue", "true").status == 0) }
      let growth = try pss(daemon) - before
      print("hostile: 1,300 connections, \(growth >> 10) KiB more in memory")
      #expect(growth < 64 << 20)
    }
  }

  @Test("clients that come by the hundred while the daemon gets no turn wait for it, and are served")
  func burst() async throws {
    try await TestDaemon.run { daemon in
      daemon.child.send(SIGSTOP)
      defer { daemon.child.send(SIGCONT) }
      var open: [Int32] = []
      defer { for descriptor in open { close(descriptor) } }
      for _ in 0..<600 {
        // One that may not wait is refused at once where the kernel keeps no more of them.
        guard let descriptor = connect(daemon.socket, flags: Int32(SOCK_NONBLOCK.rawValue)) else { break }
        open.append(descriptor)
        let request = "GET /healthz HTTP/1.1\r\nHost: j\r\nConnection: close\r\n\r\n"
        _ = request.withCString { send(descriptor, $0, request.utf8.count, Int32(MSG_NOSIGNAL)) }
      }
      #expect(open.count == 600)
      daemon.child.send(SIGCONT)
      for descriptor in open {
        var answer = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var bytes = [UInt8](repeating: 0, count: 15)
        #expect(poll(&answer, 1, 20_000) == 1 && read(descriptor, &bytes, 15) == 15)
        #expect(String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 200 OK")
      }
    }
  }

  @Test(
    "20 readers that do not read a followed log hold up neither its job nor anyone else, and cost no memory",
    .timeLimit(.minutes(10)))
  func slowReaders() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      let before = try pss(daemon)
      let flood = try await daemon.enqueue("sh", "-c", "head -c 200000000 /dev/zero | tr '\\0' 'x'; exit 5")
      var open: [Int32] = []
      defer { for descriptor in open { close(descriptor) } }
      for _ in 0..<20 {
        guard let descriptor = connect(daemon.socket) else { throw TestFault("connect") }
        open.append(descriptor)
        let request = "GET /v1/jobs/\(flood)/log?follow=true HTTP/1.1\r\nHost: j\r\n\r\n"
        _ = request.withCString { send(descriptor, $0, request.utf8.count, Int32(MSG_NOSIGNAL)) }
      }
      #expect(try await serveOthers(daemon, while: flood) > 0)
      #expect(try await daemon.job(flood)["exit_code"] as? Int == 5)
      let growth = try pss(daemon) - before
      print("hostile: 20 readers that do not read, \(growth >> 10) KiB more in memory")
      #expect(growth < 64 << 20)
    }
  }

  @Test("a follower of a log that somebody has removed is at rest until the job ends, and later logs are kept")
  func removedLogs() async throws {
    try await TestDaemon.run(config: "workers: 2\n") { daemon in
      // One for each step: opened twice, one gate could be read to the end of its first line's writer.
      let (gate, last) = (daemon.directory + "/gate", daemon.directory + "/last")
      for path in [gate, last] { mkfifo(path, 0o600) }
      let id = try await daemon.enqueue("sh", "-c", "echo a; read line < \(gate); echo b; read line < \(last)")
      let follower = try Child(
        "/bin/sh", ["-c", "curl -sN --unix-socket \(daemon.socket) http://jobq/v1/jobs/\(id)/log?follow=true"],
        environment: ["PATH": "/usr/bin:/bin"])
      while follower.output.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
      try FileManager.default.removeItem(atPath: daemon.state + "/logs")
      // It is said that there is more, and it cannot be read: to ask again at once would take a core.
      try "\n".write(toFile: gate, atomically: false, encoding: .utf8)
      try await Task.sleep(for: .milliseconds(300))
      let before = try processorTime(daemon)
      try await Task.sleep(for: .seconds(1))
      #expect(try processorTime(daemon) - before < 0.5)
      try "\n".write(toFile: last, atomically: false, encoding: .utf8)
      let followed = await follower.wait()
      #expect(followed.status == 0 && followed.out == "a\n", "\(followed)")
      let later = try await daemon.enqueue("echo", "later")
      #expect(try await daemon.jobq("wait", later, "--timeout", "600s").status == 0)
      #expect(try await daemon.jobq("logs", later).out == "later\n")
    }
  }

  @Test("a link or a file in the place of the socket or of the logs is never followed or written through")
  func links() async throws {
    try await TestDaemon.run { daemon in
      let victim = daemon.directory + "/victim"
      try Data("precious".utf8).write(to: URL(fileURLWithPath: victim))
      #expect(await daemon.stop().status == 0)
      // The socket's path leads elsewhere: it is no socket, and stays.
      unlink(daemon.socket)
      symlink(victim, daemon.socket)
      let refused = try await jobqd(daemon)
      #expect(refused.status == 69 && refused.err.contains(daemon.socket), "\(refused)")
      #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
      unlink(daemon.socket)
      // The lock's and the logs' names lead elsewhere.
      unlink(daemon.state + "/jobq.lock")
      symlink(victim, daemon.state + "/jobq.lock")
      let lock = try await jobqd(daemon)
      #expect(lock.status == 77 && lock.err.contains("jobq.lock"), "\(lock)")
      unlink(daemon.state + "/jobq.lock")
      let logs = daemon.state + "/logs"
      try? FileManager.default.removeItem(atPath: logs)
      try FileManager.default.createDirectory(atPath: daemon.directory + "/theirs", withIntermediateDirectories: false)
      symlink(daemon.directory + "/theirs", logs)
      let linked = try await jobqd(daemon)
      #expect(linked.status != 0 && linked.status != 124 && linked.err.contains("logs"), "\(linked)")
      unlink(logs)
      #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
      try await daemon.restart()
    }
  }

  @Test(
    "the values of a job's environment are shown to its submitter and root only, in no list, event, log or message",
    .enabled(if: getuid() == 0))
  func secrets() async throws {
    try await TestDaemon.run(config: "socket: {mode: \"0666\"}\n") { daemon in
      chmod(daemon.directory, 0o755)
      let secret = "s3cr3t-\(UUID().uuidString)"
      let id = try await daemon.enqueue(
        "-e", "TOKEN=\(secret)", "--retries", "1", "--backoff", "10ms", "--", "sh", "-c", "echo said; exit 1")
      try await daemon.jobq("wait", id)
      #expect(String(describing: try await daemon.job(id)).contains(secret), "root sees it")
      for path in [
        "/v1/jobs/\(id)", "/v1/jobs", "/v1/jobs/\(id)/log", "/v1/jobs/\(id)/wait", "/v1/status", "/v1/doctor",
        "/metrics", "/v1/backup", "/v1/events",
      ] {
        let child = try Child(
          "/usr/bin/setpriv",
          [
            "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/curl", "-s", "-m",
            path == "/v1/events" ? "1" : "20",
            "-H", "Last-Event-ID: 0", "--unix-socket", daemon.socket, "http://jobq\(path)",
          ], environment: ["PATH": "/usr/bin:/bin"])
        let answer = await child.wait()
        #expect(!answer.out.isEmpty, "\(path): \(answer)")
        #expect(!answer.out.contains(secret), "\(path)")
        if path == "/v1/jobs/\(id)" { #expect(answer.out.contains("TOKEN"), "names are shown to all") }
      }
      #expect(!daemon.child.errors.contains(secret), "nor in the daemon's own log")
    }
  }

  @Test("a body of hundreds of thousands of values is read, and answered, where it holds up nobody")
  func largeBody() async throws {
    try await TestDaemon.run { daemon in
      let words = Array(repeating: #""a\n""#, count: 200_000).joined(separator: ",")
      let (before, loopBefore) = (try processorTime(daemon), try loopTime(daemon))
      _ = try await daemon.payload("[\(words)]", queue: "large")
      let (all, loop) = (try processorTime(daemon) - before, try loopTime(daemon) - loopBefore)
      #expect(loop < all / 2, "the event loop computed for \(loop) s of \(all)")
      let leased = try await daemon.lease("large")
      #expect((leased.first?["payload"] as? [String])?.count == 200_000)
    }
  }

  // MARK: Tools

  /// Runs short jobs, one after the other, until a job has ended: how many.
  private func serveOthers(_ daemon: TestDaemon, while id: String) async throws -> Int {
    var count = 0
    while try await daemon.job(id)["finished_at"] is NSNull {
      #expect(try await daemon.jobq("enqueue", "--wait", "true").status == 0)
      count += 1
    }
    return count
  }

  /// The memory that is the daemon's own, and its share of what it has with others: smaps_rollup, proc_pid_smaps(5).
  /// In seconds, of all its threads: proc(5).
  private func processorTime(_ daemon: TestDaemon) throws -> Double {
    let stat = try String(contentsOfFile: "/proc/\(daemon.child.pid)/stat", encoding: .utf8)
    let fields = stat.split(separator: " ")
    return (Double(fields[13])! + Double(fields[14])!) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// In seconds, of its event loop.
  private func loopTime(_ daemon: TestDaemon) throws -> Double {
    let tasks = "/proc/\(daemon.child.pid)/task"
    for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
      let stat = try String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
      guard stat.contains("(NIO-ELT") else { continue }
      // Behind the name, which holds no parenthesis.
      let fields = stat.split(separator: ")")[1].split(separator: " ")
      return (Double(fields[11])! + Double(fields[12])!) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
    throw TestFault("no event loop")
  }

  private func pss(_ daemon: TestDaemon) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(daemon.child.pid)/smaps_rollup", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  private func size(of directory: String) throws -> Int {
    try FileManager.default.subpathsOfDirectory(atPath: directory).reduce(0) { sum, name in
      sum + (try FileManager.default.attributesOfItem(atPath: directory + "/" + name)[.size] as? Int ?? 0)
    }
  }

  private func connect(_ path: String, flags: Int32 = 0) -> Int32? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
    guard descriptor >= 0 else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if code == 0 { return descriptor }
    close(descriptor)
    return nil
  }

  private func jobqd(_ daemon: TestDaemon) async throws -> Finished {
    await
      (try Child(
        "/usr/bin/timeout",
        [
          "20", Programs.jobqd, "--config", daemon.directory + "/jobq.yaml", "--state-dir", daemon.state, "--socket",
          daemon.socket,
        ],
        environment: ["PATH": "/usr/bin:/bin", "HOME": daemon.directory])).wait()
  }
}
