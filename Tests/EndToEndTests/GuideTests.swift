import Foundation
import Glibc
import Testing

@Suite("The guide")
struct GuideTests {
  private static let directory =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path + "/docs/guide"

  private static var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasSuffix(".md") }.sorted()
  }

  @Test("every command in it runs, and prints what is shown", arguments: names)
  func runs(_ name: String) async throws {
    let text = try String(contentsOfFile: Self.directory + "/" + name, encoding: .utf8)
    var guide = Guide(text)
    for words in guide.needs where try await !Self.isThere(words) {
      print("\(name): not run from \"\(words.joined(separator: " "))\" on, which this jobq does not have")
      guide.cut(at: words)
    }
    try await TestDaemon.run { daemon in
      let (home, outputs) = (daemon.directory + "/home", daemon.directory + "/outputs")
      for path in [home, outputs] {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      // Where the guide names a place, it is this one.
      let configuration = guide.configuration.replacing("/srv/jobs", with: home)
      if !configuration.isEmpty {
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: daemon.directory + "/jobq.yaml"))
        daemon.child.send(SIGHUP)
        try await daemon.logged("the configuration was reloaded")
      }
      let child = try Child(
        "/usr/bin/timeout",
        [
          "--kill-after=5", "120", "/bin/bash", "-c",
          guide.script(outputs: outputs).replacing("/srv/jobs", with: home),
        ],
        environment: [
          "PATH": "\(Programs.directory):/usr/local/bin:/usr/bin:/bin", "HOME": home, "JOBQ_SOCKET": daemon.socket,
        ], directory: home)
      let finished = await child.wait()
      for (index, step) in guide.steps.enumerated() {
        let output = try? String(contentsOfFile: "\(outputs)/\(index)", encoding: .utf8)
        guard let output else {
          if case .run = step { Issue.record("\(name), line \(step.line): not reached") }
          continue
        }
        guard case .run(_, let expected?, let line) = step else { continue }
        #expect(Guide.matches(output, expected), "\(name), line \(line): \(output)")
      }
      let last = (try? String(contentsOfFile: "\(outputs)/last", encoding: .utf8)).flatMap(Int.init) ?? 0
      let said = (try? String(contentsOfFile: "\(outputs)/\(last)", encoding: .utf8)) ?? ""
      #expect(finished.status == 0, "\(name), after line \(guide.steps[last].line): \(said)\(finished.err)")
    }
  }

  /// Whether the verb is there: `jobq schedule add`.
  private static func isThere(_ words: [String]) async throws -> Bool {
    let child = try Child(Programs.jobq, words.dropFirst() + ["--help"], environment: ["PATH": "/usr/bin:/bin"])
    return await child.wait().out.contains("USAGE: \(words.joined(separator: " "))")
  }

  @Test("the pages of the guide and their links are all there")
  func links() throws {
    #expect(Self.names.count >= 6)
    for name in Self.names {
      let text = try String(contentsOfFile: Self.directory + "/" + name, encoding: .utf8)
      for link in text.matches(of: /\]\(([^)]+)\)/) where !link.1.contains(":") {
        #expect(FileManager.default.fileExists(atPath: Self.directory + "/" + link.1), "\(name): \(link.1)")
      }
    }
    let index = try String(contentsOfFile: Self.directory + "/README.md", encoding: .utf8)
    for name in Self.names where name != "README.md" { #expect(index.contains("(\(name))"), "\(name)") }
  }

  @Test("what is shown is compared as a whole, but for what an ellipsis stands for")
  func comparison() {
    #expect(Guide.matches("1\ntwo 2\n", "1\ntwo …"))
    #expect(Guide.matches("a\nb\nc\n", "a\n…\nc"))
    #expect(Guide.matches("a\nc\n", "a\n…"))
    for (output, shown) in [("1\n", "2"), ("1\n2\n", "1"), ("a\nb\n", "a …"), ("a.c\n", "a.c."), ("", "a")] {
      #expect(!Guide.matches(output, shown))
    }
  }
}

/// One page: its fenced blocks, in order.
private struct Guide {
  enum Step {
    /// A `sh` block, and what a `text` block after it shows of its output.
    case run(String, shown: String?, line: Int)
    /// A `python` block, whose first line names it: `# worker.py`.
    case file(String, String, line: Int)

    var line: Int {
      switch self {
      case .run(_, _, let line), .file(_, _, let line): line
      }
    }
  }

  private(set) var steps: [Step] = []
  /// All `yaml` blocks: what the reader has in jobq.yaml.
  private(set) var configuration = ""
  /// Verbs without which the rest of the page cannot be followed, and where they are first needed.
  private var marks: [(words: [String], step: Int, configuration: Int)] = []

  var needs: [[String]] { marks.map(\.words) }

  init(_ text: String) {
    var block: (kind: String, line: Int, lines: [Substring])?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if let open = block {
        if line == "```" {
          add(open.kind, open.lines.joined(separator: "\n"), line: open.line)
          block = nil
        } else {
          block?.lines.append(line)
        }
      } else if let fence = line.wholeMatch(of: /```(\w+)/) {
        block = (String(fence.1), index + 1, [])
      } else if let mark = line.wholeMatch(of: /<!-- needs: (.+) -->/) {
        marks.append((mark.1.split(separator: " ").map(String.init), steps.count, configuration.utf8.count))
      }
    }
  }

  private mutating func add(_ kind: String, _ text: String, line: Int) {
    switch kind {
    case "sh": steps.append(.run(text, shown: nil, line: line))
    case "text":
      if case .run(let code, nil, let line)? = steps.last {
        steps[steps.count - 1] = .run(code, shown: text, line: line)
      }
    case "python":
      let name = text.prefix { $0 != "\n" }.dropFirst(2)
      steps.append(.file(String(name), text + "\n", line: line))
    case "yaml": configuration += text + "\n"
    default: break
    }
  }

  /// Leaves out what comes after the place at which these words are needed.
  mutating func cut(at words: [String]) {
    guard let mark = marks.first(where: { $0.words == words }) else { return }
    steps.removeSubrange(min(mark.step, steps.count)...)
    configuration = String(decoding: Array(configuration.utf8).prefix(mark.configuration), as: UTF8.self)
  }

  /// All blocks in one shell, as a reader has them; each one's output in a file of its number.
  func script(outputs: String) -> String {
    var script = "set -euo pipefail\n"
    for (index, step) in steps.enumerated() {
      script += "echo -n \(index) > '\(outputs)/last'\n"
      switch step {
      case .run(let code, _, _): script += "{\n\(code)\n} > '\(outputs)/\(index)' 2>&1\n"
      case .file(let name, let text, _): script += "cat > '\(name)' <<'END OF FILE'\n\(text)END OF FILE\n"
      }
    }
    return script
  }

  /// `…` stands for anything within a line; alone on a line for any lines.
  static func matches(_ output: String, _ shown: String) -> Bool {
    let lines = output.split(separator: "\n").map(String.init)[...]
    return matches(lines, shown.split(separator: "\n").map(String.init)[...])
  }

  private static func matches(_ lines: ArraySlice<String>, _ shown: ArraySlice<String>) -> Bool {
    guard let first = shown.first else { return lines.isEmpty }
    if first == "…" {
      return (lines.startIndex...lines.endIndex).contains { matches(lines[$0...], shown.dropFirst()) }
    }
    guard let line = lines.first, like(line[...], first.split(separator: "…", omittingEmptySubsequences: false)[...])
    else { return false }
    return matches(lines.dropFirst(), shown.dropFirst())
  }

  /// Whether the line is these parts with anything between them.
  private static func like(_ line: Substring, _ parts: ArraySlice<Substring>) -> Bool {
    guard let part = parts.first, line.hasPrefix(part) else { return false }
    let rest = line.dropFirst(part.count)
    if parts.count == 1 { return rest.isEmpty }
    return rest.indices.contains { like(rest[$0...], parts.dropFirst()) } || like("", parts.dropFirst())
  }
}
