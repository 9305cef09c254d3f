import Foundation
import JobModel
import JobProcess
import Supervisor
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

  @Test("a queue's own rule for its output holds in place of the one for all, both ways")
  func byQueue() async throws {
    try await House.with { house in
      var ids: [String: JobID] = [:]
      for queue in ["kept", "short", "other", "none"] {
        ids[queue] = try await house.enqueue("echo \(queue)") { $0.queue = queue }
      }
      for id in ids.values { _ = try await house.end(of: id) }
      let logs = house.directory + "/logs"
      for file in FileManager.default.enumerator(atPath: logs)!.map({ "\(logs)/\($0)" }) {
        let age = (file as NSString).lastPathComponent.hasPrefix("\(ids["none"]!).") ? 60.0 : 3 * 86_400
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: file)
      }
      var configuration = SupervisorConfiguration(workers: 2, shutdownGrace: .milliseconds(200))
      configuration.logRetention = .days(2)
      configuration.queueLogRetention = ["kept": nil, "short": .hours(1), "none": .hours(1)]
      await house.supervisor.reconfigure(configuration)
      #expect(try await house.service.prune(PruneRequest()) == PruneReceipt(matched: 0, removed: 0))
      #expect(try await house.log(ids["kept"]!) == "kept\n")
      #expect(try await house.log(ids["short"]!) == "")
      #expect(try await house.log(ids["other"]!) == "")
      #expect(try await house.log(ids["none"]!) == "none\n", "its time has not come")
    }
  }
}
