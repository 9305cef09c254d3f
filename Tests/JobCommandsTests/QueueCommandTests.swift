import ArgumentParser
import JobModel
import Testing

@testable import JobCommands

@Suite("Queues on the command line") struct QueueCommandTests {
  private func patch(_ words: String...) throws -> QueuePatch { try QueueSetCommand.parse(["mail"] + words).patch }

  @Test("an option that is not there changes nothing, and \"none\" takes a limit away")
  func patches() throws {
    #expect(try patch("--concurrency", "2") == QueuePatch(concurrency: .some(2)))
    #expect(
      try patch("--rate", "30/m", "--per-key", "customer=1", "--priority", "-5")
        == QueuePatch(
          rate: .some(Rate("30/m")), perKey: .some(KeyLimit(label: "customer", concurrency: 1)), priority: .some(-5)))
    #expect(
      try patch("--rate", "none", "--per-key", "none") == QueuePatch(rate: .some(nil), perKey: .some(nil)))
  }

  @Test("bad limits are refused, and so is setting nothing")
  func refused() {
    for words in [
      [], ["--rate", "0/m"], ["--rate", "30"], ["--concurrency", "0"], ["--concurrency", "-1"], ["--per-key", "c"],
      ["--per-key", "c=0"], ["--priority", "1001"],
    ] {
      #expect(throws: (any Error).self, "\(words)") { try QueueSetCommand.parse(["mail"] + words) }
    }
  }

  @Test("what only some queues have gets a column where one has it, and pauses say why and until when")
  func table() {
    let plain = QueueInfo(name: "a", pause: nil, limits: QueueLimits(), counts: StateCounts())
    #expect(QueueTable.text([plain], .plain).hasPrefix("QUEUE  STARTS  LIMIT  HELD"))
    let limited = QueueInfo(
      name: "mail", pause: Pause(reason: "provider down", until: Timestamp(milliseconds: 0)),
      limits: QueueLimits(
        concurrency: 2, rate: Rate("30/m"), perKey: KeyLimit(label: "customer", concurrency: 1), priority: 5),
      counts: StateCounts())
    let lines = QueueTable.text([plain, limited], .plain).split(separator: "\n")
    #expect(lines[0].hasPrefix("QUEUE  STARTS  LIMIT  PRIORITY  RATE     PER KEY  HELD"))
    #expect(lines[1].hasPrefix("a      yes      none         ·     ·           ·  "))
    #expect(lines[2].hasPrefix("mail   paused      2         5  30/m  customer=1  "))
    #expect(lines.last == "mail is paused until 1970-01-01T00:00:00.000Z: provider down")
  }
}
