import Foundation
import Glibc
import JobModel
import Logging
import Testing

@testable import JobDaemon

@Suite("The log")
struct LoggingTests {
  private let time = Timestamp(milliseconds: 1_795_508_080_123)

  @Test(
    "the journal gets the priority of sd-daemon(3) first",
    arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
  func priorities(level: Logger.Level, priority: Int) {
    #expect(LogStyle.journal.line(level, "m", [:], at: time) == "<\(priority)>m\n")
  }

  @Test("people get time, level, message and fields by name")
  func plain() {
    let line = LogStyle.plain.line(.notice, "job started", ["queue": "mail", "job": "7"], at: time)
    #expect(line == "\(time) notice job started job=7 queue=mail\n")
  }

  @Test("a value that a reader of logfmt would take apart is quoted")
  func logfmt() {
    let metadata: Logger.Metadata = [
      "a": "x y", "b": "say \"hi\" \\", "c": "", "d": "k=v", "e f": "1", "g": ["x", "y"],
    ]
    #expect(
      LogStyle.journal.line(.info, "m", metadata, at: time)
        == #"<6>m a="x y" b="say \"hi\" \\" c="" d="k=v" e_f=1 g="[\"x\", \"y\"]""# + "\n")
  }

  @Test("no message can forge a line, a priority or a terminal's attention")
  func control() {
    let line = LogStyle.journal.line(.info, "a\n<2>b\u{1B}[31m\r\n", ["k": "x\ny"], at: time)
    #expect(line == "<6>a\\u{a}<2>b\\u{1b}[31m\\u{d}\\u{a} k=x\\u{a}y\n")
  }

  @Test("the journal's form is used only where standard error is the journal's stream")
  func style() {
    var status = stat()
    fstat(2, &status)
    #expect(LogStyle.detected(environment: [:]) == .plain)
    #expect(LogStyle.detected(environment: ["JOURNAL_STREAM": "1:2"]) == .plain)
    #expect(LogStyle.detected(environment: ["JOURNAL_STREAM": "\(status.st_dev):\(status.st_ino)"]) == .journal)
  }

  @Test("a logger's lines reach the descriptor in order, with its own and the call's fields, and none under its level")
  func through() throws {
    let scratch = try Scratch()
    let descriptor = open(scratch.path + "/log", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let log = DaemonLog(style: .journal, descriptor: descriptor, journal: scratch.path + "/none")
    var logger = log.logger("test")
    logger[metadataKey: "job"] = "1"
    for number in 0..<100 { logger.info("line \(number)") }
    logger.debug("not this")
    logger.error("last", metadata: ["job": "2", "errno": "5"])
    log.sink.flush()
    let text = try String(contentsOfFile: scratch.path + "/log", encoding: .utf8)
    #expect(text == (0..<100).map { "<6>line \($0) job=1\n" }.joined() + "<3>last errno=5 job=2\n")
  }

  @Test("the journal gets each field by itself, and what it does not take goes to standard error")
  func journal() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/journal"
    let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    let descriptor = open(scratch.path + "/log", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let log = DaemonLog(style: .journal, descriptor: descriptor, journal: path)
    let logger = log.logger("test")
    logger.info("job failed", metadata: ["job": "42", "again-in": "a\nJOBQ_ID=7"])
    let long = String(repeating: "x", count: 400_000)
    logger.error("\(long)")
    log.sink.flush()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    #expect(
      String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self) == #"""
        MESSAGE=job failed again-in="a\\u{a}JOBQ_ID=7" job=42
        PRIORITY=6
        SYSLOG_IDENTIFIER=jobqd
        JOBQ_AGAIN_IN=a\u{a}JOBQ_ID=7
        JOBQ_ID=42

        """#)
    #expect(recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT)) < 0)
    #expect(try String(contentsOfFile: scratch.path + "/log", encoding: .utf8) == "<3>\(long)\n")
  }

  @Test("the level is that of all loggers, and may be changed while they are in use")
  func level() throws {
    let scratch = try Scratch()
    let descriptor = open(scratch.path + "/log", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let log = DaemonLog(style: .journal, descriptor: descriptor, journal: scratch.path + "/none")
    let logger = log.logger("test")
    logger.debug("one")
    log.level = .debug
    logger.debug("two")
    log.level = .error
    logger.notice("three")
    log.sink.flush()
    #expect(try String(contentsOfFile: scratch.path + "/log", encoding: .utf8) == "<7>two\n")
  }

  @Test("a reader that does not keep up holds nobody up: lines are dropped, and it is told how many")
  func slowReader() async throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    // The pipe is full before the first line: how many lines are kept does not hang on when the sink's thread
    // begins.
    let filling = [UInt8](repeating: UInt8(ascii: "\n"), count: 4096)
    #expect(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
    while write(ends[1], filling, filling.count) > 0 {}
    #expect(errno == EAGAIN && fcntl(ends[1], F_SETFL, 0) == 0)
    let sink = LogSink(descriptor: ends[1], most: 1 << 20) { "dropped \($0)\n" }
    let line = String(repeating: "x", count: 1023) + "\n"
    // Nobody reads: the lines wait in the sink, up to a mebibyte, and none of these calls waits for them.
    for _ in 0..<2000 { sink.write(line) }
    // Nor does the end of the program.
    sink.flush(within: .milliseconds(50))
    // Now somebody does.
    let (lines, read) = AsyncStream.makeStream(of: [Substring].self)
    // A thread of its own: the flush below holds this one, which may be the only worker that there is.
    Thread.detachNewThread { [descriptor = ends[0]] in
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      var all: [UInt8] = []
      while case let count = Glibc.read(descriptor, &buffer, buffer.count), count > 0 { all += buffer[..<count] }
      read.yield(String(decoding: all, as: UTF8.self).split(separator: "\n"))
    }
    sink.flush()
    sink.write("after\n")
    sink.flush()
    close(ends[1])
    let all = try #require(await lines.first(where: { _ in true }))
    #expect(all.count == 1024 + 2)
    #expect(all.suffix(2) == ["dropped 976", "after"])
  }
}
