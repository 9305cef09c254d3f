import ControlClient
import Glibc
import JobModel
import Testing

@testable import JobCommands

@Suite("Following a job's output")
struct LogFollowerTests {
  private static func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }
  private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  private static let end = "0\r\n\r\n"

  /// What the follower wrote to each output.
  private func follow(
    _ server: ScriptedServer, attempt: Int = 1, streams: [String?] = [nil], tail: Int? = nil, overRetries: Bool = true
  ) async throws -> [String] {
    let path = server.path
    return try await blocking { () throws in
      let files = try streams.map { _ in try TemporaryFile([]) }
      let outputs = zip(streams, files).map {
        LogFollower.Output(stream: $0, descriptor: open($1.path, O_WRONLY | O_APPEND))
      }
      defer { for output in outputs { close(output.descriptor) } }
      let client = ControlClient(SocketLocation(path: path, origin: .option))
      try LogFollower(
        client: client, id: JobID(3), attempt: attempt, outputs: outputs, tail: tail, patience: .seconds(5)
      ).run(overRetries: overRetries)
      return try files.map { String(decoding: try InputFile($0.path).readAll(upTo: 1 << 20), as: UTF8.self) }
    }
  }

  private static func job(attempt: Int, _ state: String) -> ScriptedServer.Step {
    .answer(ScriptedServer.json(#"{"attempt":\#(attempt),"state":"\#(state)"}"#))
  }

  @Test("output is shown attempt by attempt until the job has ended")
  func attempts() async throws {
    let server = try ScriptedServer([
      [.answer(Self.head + Self.chunk("one\n")), .send(Self.chunk("more\n") + Self.end)],
      [Self.job(attempt: 3, "queued")],
      [.answer(Self.head + Self.chunk("two\n") + Self.end)],
      [Self.job(attempt: 3, "running")],
      [.answer(Self.head + Self.end)],
      [Self.job(attempt: 3, "failed")],
    ])
    #expect(try await follow(server) == ["one\nmore\ntwo\n"])
    #expect(
      server.requests == [
        "GET /v1/jobs/3/log?attempt=1&follow=true", "GET /v1/jobs/3", "GET /v1/jobs/3/log?attempt=2&follow=true",
        "GET /v1/jobs/3", "GET /v1/jobs/3/log?attempt=3&follow=true", "GET /v1/jobs/3",
      ])
  }

  @Test("after a lost connection it goes on at the byte that it had reached, in the same attempt")
  func resumes() async throws {
    let server = try ScriptedServer(
      [
        [.answer(Self.head + Self.chunk("first ") + "20\r\nhalf")],
        [.answer(Self.head + Self.chunk(" rest\n") + Self.end)],
        [Self.job(attempt: 1, "succeeded")],
      ], outageAfter: 0)
    #expect(try await follow(server) == ["first half rest\n"])
    #expect(
      server.requests == [
        "GET /v1/jobs/3/log?attempt=1&follow=true", "GET /v1/jobs/3/log?attempt=1&offset=10&follow=true",
        "GET /v1/jobs/3",
      ])
  }

  @Test("a stream that ends while the job goes on is asked for again: the daemon was stopping")
  func early() async throws {
    let server = try ScriptedServer([
      [.answer(Self.head + Self.chunk("a") + Self.end)], [Self.job(attempt: 1, "running")],
      [.answer(Self.head + Self.chunk("b") + Self.end)], [Self.job(attempt: 1, "succeeded")],
    ])
    #expect(try await follow(server) == ["ab"])
    #expect(server.requests[2] == "GET /v1/jobs/3/log?attempt=1&offset=1&follow=true")
  }

  @Test("streams that are kept apart are read together, each to its own place")
  func split() async throws {
    let server = try ScriptedServer([
      [.answer(Self.head + Self.chunk("out\n") + Self.end)], [.answer(Self.head + Self.chunk("err\n") + Self.end)],
      [Self.job(attempt: 1, "succeeded")],
    ])
    #expect(try await follow(server, streams: ["stdout", "stderr"]) == ["out\n", "err\n"])
  }

  @Test("one attempt alone is left when it has ended; a tail is asked for once")
  func oneAttempt() async throws {
    let server = try ScriptedServer([
      [.answer(Self.head + Self.chunk("x"))], [.answer(Self.head + Self.end)], [Self.job(attempt: 2, "running")],
    ])
    #expect(try await follow(server, tail: 5, overRetries: false) == ["x"])
    #expect(
      server.requests == [
        "GET /v1/jobs/3/log?attempt=1&tail=5&follow=true", "GET /v1/jobs/3/log?attempt=1&tail=0&follow=true",
        "GET /v1/jobs/3",
      ])
  }
}
