import Foundation
import Testing

@Suite("Graphs of jobs")
struct GraphTests {
  @Test("jobs of one file name each other by refs, forwards and backwards, and run in that order")
  func refs() async throws {
    try await TestDaemon.run(config: "workers: 4\n") { daemon in
      let file = daemon.directory + "/order"
      func line(_ ref: String, _ after: String) -> String {
        #"{"ref":"\#(ref)","after":[\#(after)],"command":["sh","-c","echo \#(ref) >> \#(file)"]}"#
      }
      let lines = [
        #"{"command":["true"]}"#, line("install", #""test","docs""#), line("fetch", ""), line("build", #""fetch""#), "",
        line("test", #""build",1"#),
        #"{"ref":"docs","after_any":["fetch"],"command":["false"]}"#,
        #"{"after":["docs"],"after_any":["build"],"command":["true"]}"#,
      ]
      let done = try await daemon.jobq("enqueue", "--from", "-", "--json", input: lines.joined(separator: "\n"))
      #expect(done.status == 0 && done.line.contains(#""count":7"#) && done.line.contains(#""last_id":7"#), "\(done)")
      for id in 1...7 { try await daemon.jobq("wait", "\(id)") }
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "fetch\nbuild\ntest\n")
      let list = try await daemon.jobq("list", "--state", "cancelled", "--json")
      #expect(list.out.contains("docs") == false && list.out.contains(#""after":["#))
    }
  }

  @Test("a circle, an unknown ref and a double one are refused with the file's line, and nothing is added")
  func refused() async throws {
    try await TestDaemon.run { daemon in
      let cases = [
        (
          #"{"ref":"a","after":["b"],"command":["x"]}"# + "\n\n" + #"{"ref":"b","after":["a"],"command":["x"]}"#,
          "standard input:1: after: these wait for each other in a circle: \"a\" → \"b\" → \"a\""
        ),
        (
          #"{"command":["x"]}"# + "\n\n" + #"{"after_any":["c"],"command":["x"]}"#,
          "standard input:3: after_any: no line of this body has the ref \"c\""
        ),
        (
          #"{"ref":"a","command":["x"]}"# + "\n" + #"{"ref":"a","command":["x"]}"#,
          "standard input:2: ref: \"a\" is the ref of an earlier line, too"
        ),
      ]
      for (input, message) in cases {
        let done = try await daemon.jobq("enqueue", "--from", "-", input: input)
        #expect(done.status == 1 && done.err.contains(message), "\(done)")
      }
      #expect(try await daemon.jobq("list").out == "No jobs.\n")
    }
  }

  @Test("a graph of more than a thousand lines is added as one, and a bad line at its end refuses all of it")
  func together() async throws {
    try await TestDaemon.run { daemon in
      var lines = (0..<3000).map {
        #"{"ref":"\#($0)","hold":true,"after":[\#($0 > 0 ? "\"\($0 - 1)\"" : "")],"command":["x"]}"#
      }
      let bad = try await daemon.jobq(
        "enqueue", "--from", "-", input: (lines + [#"{"after":["none"],"command":["x"]}"#]).joined(separator: "\n"))
      #expect(
        bad.status == 1 && bad.err.contains("standard input:3001: after") && bad.err.contains("no job was added"),
        "\(bad)")
      // Without refs the thousands before a bad line are added.
      let done = try await daemon.jobq("enqueue", "--from", "-", input: lines.joined(separator: "\n"))
      #expect(done.status == 0 && done.line.hasPrefix("3000 jobs"))
      lines = []
      let first = try #require(Int(done.line.split(separator: " ")[2].split(separator: "–")[0]))
      #expect(try await daemon.jobq("cancel", "\(first)").status == 0)
      #expect(try await daemon.jobq("wait", "\(first + 2999)", "--timeout", "600s").status == 125)
    }
  }

  @Test("kill -9 while the end of a job is told to 30,000 others: the next daemon tells the rest")
  func killed() async throws {
    try await TestDaemon.run { daemon in
      let lines = (0..<30_000).map {
        #"{"ref":"\#($0)","hold":true,"after":[\#($0 > 0 ? "\"\($0 - 1)\"" : "")],"command":["x"]}"#
      }
      let done = try await daemon.jobq("enqueue", "--from", "-", "--json", input: lines.joined(separator: "\n"))
      let receipt = try JSONSerialization.jsonObject(with: Data(done.out.utf8)) as? [String: Int]
      let first = try #require(receipt?["first_id"])
      #expect(receipt?["count"] == 30_000)
      #expect(try await daemon.jobq("cancel", "\(first)").status == 0)
      try await daemon.crash()
      #expect(try await daemon.jobq("wait", "\(first + 29_999)", "--timeout", "600s").status == 125)
      #expect(try await daemon.jobq("list", "--state", "held", "--limit", "1").out == "No jobs.\n")
    }
  }

  @Test("status draws what a job waits for and what waits for it")
  func drawn() async throws {
    try await TestDaemon.run { daemon in
      let root = try await daemon.enqueue("--hold", "make")
      let middle = try await daemon.enqueue("--after", root, "-n", "middle", "true")
      let leaf = try await daemon.enqueue("--after-any", middle, "--after", root, "leaf")
      let shown = try await daemon.jobq("status", leaf)
      #expect(
        shown.out.hasSuffix("waits for\n  \(root) held make\n  \(middle) blocked middle (however it ends)\n"),
        "\(shown.out)")
      let other = try await daemon.jobq("status", root)
      #expect(
        other.out.hasSuffix("waited for by\n  \(middle) blocked middle\n  \(leaf) blocked leaf\n"), "\(other.out)")
      for _ in 0..<30 { _ = try await daemon.enqueue("--after", middle, "true") }
      let wide = try await daemon.jobq("status", middle)
      #expect(wide.out.contains("\n  … and 11 more\n"), "\(wide.out)")
    }
  }
}
