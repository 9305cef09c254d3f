import Foundation
import JobModel
import JobProcess
import Testing

@Suite("Logs go by age")
struct LogRetentionTests {
  @Test("output that was last written before the cutoff goes, newer output and that of running jobs stays")
  func age() async throws {
    try await House.with { house in
      let ids = [
        try await house.enqueue("echo old"), try await house.enqueue("echo new"), try await house.enqueue("echo runs"),
      ]
      for id in ids { _ = try await house.end(of: id) }
      let files = FileManager.default.enumerator(atPath: house.directory + "/logs")!.compactMap { "\($0)" }
      for id in [ids[0], ids[2]] {
        let file = try #require(files.first { ($0 as NSString).lastPathComponent.hasPrefix("\(id).") })
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: house.directory + "/logs/" + file)
      }
      await house.runner.logs.removeOlder(than: Timestamp(milliseconds: 2_000_000_000), sparing: [ids[2]])
      #expect(try await house.log(ids[0]) == "")
      #expect(try await house.log(ids[1]) == "new\n")
      #expect(try await house.log(ids[2]) == "runs\n")
    }
  }
}
