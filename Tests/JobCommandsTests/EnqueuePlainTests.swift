import ArgumentParser
import JobModel
import SeededRandom
import Testing

@testable import JobCommands

@Suite("enqueue's own reader of its words")
struct EnqueuePlainTests {
  /// All that the two readers may differ in.
  private struct Meaning: Equatable {
    var request: JobRequest?
    /// What the request refuses.
    var refusal: String?
    var waits, follows, json: Bool
    var from, socket: String?

    init(_ command: EnqueueCommand) {
      do {
        var request = try command.request(isOwnDaemon: true)
        request.requestID = nil
        self.request = request
      } catch {
        refusal = error.message
      }
      (waits, follows, json) = (command.then.waits, command.then.follows, command.common.json)
      (from, socket) = (command.from, command.common.socket)
    }
  }

  private func byArgumentParser(_ words: [String]) -> Meaning? {
    (try? EnqueueCommand.parse(Array(words.dropFirst()))).map { Meaning($0) }
  }

  /// For each option that `enqueue` declares, values that can be and some that cannot.
  private static let values = [
    "queue": ["mail", "a.b", "a/b"], "name": ["x", "two words", "-n", "--hold", ""],
    "label": ["a=1", "b=x=y", "c=", "d"], "priority": ["5", "-5", "+5", "1001"], "delay": ["5", "1h30m", "soon", "-1"],
    "at": ["2030-01-01T00:00:00Z", "25:00"], "timeout": ["250ms", "x"], "kill-grace": ["2", "25h"],
    "retries": ["3", "-1"], "backoff": ["1s", "1h"], "backoff-max": ["1m"], "backoff-kind": ["linear", "square"],
    "retry-on": ["1,75,100-110", "1,x"], "no-retry-on": ["2"], "on-interrupt": ["hold", "weep"],
    "cwd": ["/tmp", "a", "-"], "env": ["K=V", "PATH", "=x"], "umask": ["077", "999"], "stdin": ["/dev/null"],
    "unique": ["k", "k=v", "=", ""], "after": ["1,2", "3", "1,,2"], "after-any": ["4", "x"], "from": ["-", "file"],
    "payload": ["{}", "-1", ""],
    "socket": ["/tmp/s", "--"],
  ]

  @Test("is as ArgumentParser's wherever it takes a line, and takes every line without a mistake")
  func sameMeaning() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    var flags: [String] = []
    var options: [(words: [String], values: [String])] = []
    for argument in try HelpDump.arguments(of: "enqueue") where argument.kind != "positional" {
      let names = (argument.names ?? []).map { ($0.kind == "long" ? "--" : "-") + $0.name }
      if argument.kind == "flag" {
        flags += names
      } else {
        let long = try #require(argument.names?.first { $0.kind == "long" }).name
        options.append((names, try #require(Self.values[long], "no values for --\(long)")))
      }
    }
    let commands = [["true"], ["make", "-j4", "--hold"], ["--", "x"], ["-"], [], [""]]
    var (taken, left) = (0, 0)
    for _ in 0..<200 {
      var words = ["enqueue"]
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        if Int.random(in: 0..<4, using: &random) == 0 {
          words.append(flags.randomElement(using: &random)!)
        } else {
          let (names, values) = options.randomElement(using: &random)!
          let name = names.randomElement(using: &random)!
          let value = values.randomElement(using: &random)!
          switch Int.random(in: 0..<4, using: &random) {
          case 0: words.append(name + "=" + value)
          case 1 where !name.hasPrefix("--"): words.append(name + value)
          default: words += [name, value]
          }
        }
      }
      words += commands.randomElement(using: &random)!
      if Int.random(in: 0..<50, using: &random) == 0 { words.insert("--frobnicate", at: 1) }
      let separated = CommandWords.separated(words)
      let expected = byArgumentParser(separated)
      guard let plain = EnqueueCommand(plain: separated) else {
        left += 1
        // Only a mistake, help, or `-q=mail` and `--queue=`, of which ArgumentParser makes what it does.
        let isOdd = separated.contains {
          $0.hasPrefix("--") ? $0.hasSuffix("=") : $0.hasPrefix("-") && $0.contains("=")
        }
        let isKnown = expected == nil || isOdd
        #expect(isKnown, "\(separated) was left to ArgumentParser, which takes it; seed \(seed)")
        continue
      }
      taken += 1
      #expect(Meaning(plain) == expected, "\(separated); seed \(seed)")
    }
    #expect(taken > 50 && left > 10, "\(taken) and \(left) lines; seed \(seed)")
  }

  @Test("leaves every other verb to ArgumentParser", arguments: ["status", "list", "--help", "enqueu"])
  func otherVerbs(verb: String) { #expect(EnqueueCommand(plain: [verb, "--json"]).map { _ in true } == nil) }
}
