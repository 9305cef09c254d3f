import JobModel
import NIOCore
import NIOHTTP1
import Testing

@testable import ControlServer

@Suite("Targets, queries, routes and lines") struct RequestTests {
  @Test("A path is cut at its slashes and each part is decoded")
  func targets() throws {
    #expect(try RequestTarget("/v1/queues/a%40b?x=1#y").segments == ["v1", "queues", "a@b"])
    #expect(try RequestTarget("/v1/queues/a%2Fb").segments == ["v1", "queues", "a/b"])
    #expect(try RequestTarget("/v1/jobs/").segments == ["v1", "jobs", ""])
    #expect(try RequestTarget("http://jobq/v1/jobs?limit=2").query == "limit=2")
    #expect(throws: Problem.self) { try RequestTarget("/a%4") }
    #expect(throws: Problem.self) { try RequestTarget("/a%ff") }
    #expect(throws: Problem.self) { try RequestTarget("jobs") }
  }

  @Test("A route is found by its whole path, and another method of it is named")
  func routes() throws {
    func match(_ method: HTTPMethod, _ uri: String) throws -> String {
      switch Router.api.match(method, try RequestTarget(uri)) {
      case .route(let route, let captures): "\(route.path) \(captures)"
      case .refused(let problem, let allow): "\(problem.status) \(allow.map(\.rawValue))"
      }
    }
    #expect(try match(.GET, "/v1/jobs/7") == #"/v1/jobs/{id} ["7"]"#)
    #expect(try match(.HEAD, "/v1/jobs/7") == #"/v1/jobs/{id} ["7"]"#)
    #expect(try match(.PATCH, "/v1/queues/mail") == #"/v1/queues/{name} ["mail"]"#)
    #expect(try match(.PUT, "/v1/jobs/7") == #"405 ["GET", "HEAD", "PATCH", "DELETE"]"#)
    #expect(try match(.GET, "/v1/jobs/") == "404 []")
    #expect(try match(.GET, "/v1/jobs/7/") == "404 []")
    #expect(try match(.GET, "/v1") == "404 []")
    #expect(try match(.POST, "/v1/queues/mail/nothing") == "404 []")
  }

  @Test("A query parameter that is unknown, repeated or no such value is refused by its name")
  func queries() throws {
    func read(_ query: String) -> String {
      do throws(Problem) {
        var parameters = try QueryParameters(Substring(query))
        let limit = try parameters.integer("limit", in: 1...1000)
        let follow = try parameters.flag("follow")
        let state = try parameters.word("state", JobState.self)
        let wait = try parameters.span("timeout_seconds")
        try parameters.finish()
        return "\(limit ?? 0) \(follow) \(state?.rawValue ?? "-") \(wait?.milliseconds ?? 0)"
      } catch { return "\(error.status) \(error.field ?? "-")" }
    }
    #expect(read("") == "0 false - 0")
    #expect(read("limit=7&follow=true&state=failed&timeout_seconds=0.25") == "7 true failed 250")
    #expect(read("follow=1&timeout_seconds=2m&") == "0 true - 120000")
    for bad in [
      "limit=0", "limit=1001", "limit=", "limit=x", "limit=+7", "limit=7&limit=8", "limit=99999999999999999999",
    ] {
      #expect(read(bad) == "422 limit", "\(bad)")
    }
    #expect(read("follow=yes") == "422 follow")
    #expect(read("state=tired") == "422 state")
    #expect(read("timeout_seconds=-1") == "422 timeout_seconds")
    #expect(read("limit=7&lim%69t2=1") == "422 limit2")
    #expect(read("a%2") == "400 -")
  }

  @Test("Lines are read the same wherever the text is cut")
  func lines() throws {
    let text = "{\"command\":[\"a\"]}\n\r\n  \n{\"command\":[\"b\"]}\r\n{\"command\":[\"c\\nd\"]}"
    let whole = Array(text.utf8)
    for first in 0...whole.count {
      for second in stride(from: first, through: whole.count, by: 7) {
        var reader = BulkReader(limits: ServerLimits())
        var commands: [[String]?] = []
        for piece in [whole[..<first], whole[first..<second], whole[second...]] {
          try reader.read(ByteBuffer(bytes: piece)) { commands.append($0.command) }
        }
        try reader.finish { commands.append($0.command) }
        #expect(commands == [["a"], ["b"], ["c\nd"]])
        #expect(reader.lines == [1, 4, 5])
      }
    }
  }

  @Test("A line that is no job is refused by its number")
  func badLine() {
    let problem = refusal("{\"command\":[\"a\"]}\n\n{\"command\":3}\n")
    #expect(problem?.line == 3)
    #expect(problem?.field == "command")
    #expect(problem?.detail == "line 3: command: an array is expected")
  }

  @Test("Too many lines, too many bytes and too long a line are too large")
  func bulkBounds() {
    var limits = ServerLimits()
    limits.bulkLines = 2
    limits.jsonBytes = 100
    limits.bulkBytes = 200
    let line = "{\"command\":[\"a\"]}\n"
    #expect(refusal(line + line, limits) == nil)
    #expect(refusal(line + line + line, limits)?.code == .tooLarge)
    #expect(refusal(String(repeating: "\n", count: 201), limits)?.code == .tooLarge)
    #expect(refusal(String(repeating: " ", count: 101), limits)?.code == .tooLarge)
    #expect(refusal(line + String(repeating: " ", count: 101) + "\n", limits)?.line == 2)
  }

  private func refusal(_ text: String, _ limits: ServerLimits = ServerLimits()) -> Problem? {
    var reader = BulkReader(limits: limits)
    do throws(Problem) {
      try reader.read(ByteBuffer(string: text)) { _ in }
      try reader.finish { _ in }
      return nil
    } catch { return error }
  }

  @Test("The body's feed gives what came, tells its writer to wait, and ends whole or cut")
  func feed() async {
    let (resumed, resume) = AsyncStream.makeStream(of: Void.self)
    let feed = BodyFeed { resume.yield() }
    #expect(feed.put(ByteBuffer(string: "ab")))
    #expect(feed.put(ByteBuffer(string: "cd")))
    #expect(await feed.next() == ByteBuffer(string: "abcd"))
    #expect(!feed.put(ByteBuffer(repeating: 0, count: 1 << 20)))
    #expect(await feed.next()?.readableBytes == 1 << 20)
    var iterator = resumed.makeAsyncIterator()
    await iterator.next()
    async let waiting = feed.next()
    feed.finish(complete: false)
    #expect(await waiting == nil)
    feed.finish(complete: true)
    #expect(!feed.isComplete)
  }
}
