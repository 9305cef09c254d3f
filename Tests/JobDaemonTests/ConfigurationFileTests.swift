import FoundationEssentials
import Glibc
import SeededRandom
import Supervisor
import Testing

@testable import JobDaemon

@Suite("The configuration file")
struct ConfigurationFileTests {
  /// What loading says of a file with these bytes; nil where it is taken.
  private func refusal(of bytes: [UInt8]) throws -> String? {
    let scratch = try Scratch()
    let path = scratch.path + "/jobq.yaml"
    try Data(bytes).write(to: URL(filePath: path))
    do throws(ConfigurationError) {
      _ = try ConfigurationFile(path: path, isNamed: true).load()
      return nil
    } catch {
      return error.description.replacing(path, with: "f")
    }
  }

  @Test("an absent file is fine at a default place, and refused where it was named")
  func absent() throws {
    let path = "/nonexistent/jobq.yaml"
    let loaded = try ConfigurationFile(path: path, isNamed: false).load()
    #expect(!loaded.isPresent)
    #expect(loaded.configuration.supervisor.workers >= 1)
    let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile(path: path, isNamed: true).load() }
    #expect(error?.description == "/nonexistent/jobq.yaml: cannot be read: No such file or directory")
  }

  @Test("a file that cannot be read is refused even at a default place")
  func unreadable() throws {
    let scratch = try Scratch()
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationFile(path: scratch.path, isNamed: false).load()
    }
    #expect(error?.description == "\(scratch.path): cannot be read: Is a directory")
  }

  @Test("a pipe is refused at once, and not waited for")
  func pipe() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile(path: path, isNamed: true).load() }
    #expect(error?.description.hasPrefix("\(path): is a pipe") == true)
  }

  @Test("bytes that are no UTF-8, and files over a mebibyte, are refused")
  func foreign() throws {
    #expect(try refusal(of: Array("workers: 1 # ".utf8) + [0xFF, 0x0A]) == "f: the file is not UTF-8")
    #expect(
      try refusal(of: Array(repeating: 0x20, count: ConfigurationFile.most + 1)) == "f: the file is over 1048576 bytes")
    #expect(try refusal(of: Array(repeating: 0x0A, count: ConfigurationFile.most)) == nil)
  }

  @Test("random bytes are refused or taken, never a crash")
  func random() throws {
    let seed = testSeed()
    var generator = SplitMix(seed: seed)
    let pieces = [
      "workers", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "&a", "*a", "\"", "'", "|", ">", "#", "? ", "!!str ", "<<",
      "~",
      "queues", "mail", "\t", ",", "%YAML 1.2", "---", "...", "\u{FEFF}", "\\x", "30s", "retention", "\u{85}",
    ]
    for round in 0..<3000 {
      let text = (0..<Int.random(in: 0...40, using: &generator))
        .map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
      do throws(ConfigurationError) {
        _ = try Configuration(yaml: text, file: "f", cores: 1)
      } catch {
        #expect(!error.complaints.isEmpty, "seed \(seed), round \(round): \(text)")
      }
    }
  }

  @Test("each supported line of etc/jobq.yaml is good once it is uncommented, and as it is it says nothing")
  func example() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "etc/jobq.yaml"), encoding: .utf8)
    #expect(try Configuration(yaml: text, file: "etc/jobq.yaml", cores: 2) == Configuration(cores: 2))
    // Prose stands behind "# "; a key that is commented out behind "#", with the two spaces of its own where
    // it is an inner one.
    let uncommented = text.replacing(/(?m)^#(?=\S|  )/, with: "")
    let configuration = try Configuration(yaml: uncommented, file: "etc/jobq.yaml", cores: 2)
    #expect(configuration.supervisor.queueLimits["mail"] != nil)
    #expect(configuration != Configuration(cores: 2))
  }
}

/// A directory of a test's own, gone with the value.
final class Scratch {
  let path: String

  init() throws {
    var template = Array("/tmp/jobq-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw CocoaError(.fileWriteUnknown) }
    path = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
