import JobModel
import SQLite
import Testing

@testable import JobStore

@Suite struct SQLiteWordTests {
  private func read<Word: SQLiteValue>(_ sql: String, as: Word.Type) throws -> (Word, after: Int)? {
    try Connection(":memory:", .memory).prepare("SELECT \(sql), 7").first { row throws(SQLiteError) in
      (try row.read(Word.self), try row.read(Int.self))
    }
  }

  private func comesBack<Word: SQLiteWord & Equatable>(_ words: [Word]) throws {
    for word in words {
      let found = try Connection(":memory:", .memory).prepare("SELECT ?, 7").bind(word).first {
        row throws(SQLiteError) in (try row.read(Word.self), try row.read(Int.self))
      }
      #expect(found?.0 == word && found?.1 == 7)
    }
  }

  @Test("every word comes back as what it was")
  func words() throws {
    try comesBack(JobState.allCases)
    try comesBack(Outcome.allCases)
    try comesBack(OnInterrupt.allCases)
    try comesBack(Backoff.Kind.allCases)
    try comesBack(JobRow.Kind.allCases)
    #expect(try read("NULL", as: JobState?.self)?.0 == JobState?.none)
  }

  @Test(
    "what is no word of its type is damage, and is named",
    arguments: ["idle", "", "Queued", "queue", "queuedd", "queued\u{0}", "succeeded, and more than that", "größe"])
  func others(_ text: String) throws {
    let hex = text.utf8.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    let error = #expect(throws: SQLiteError.self) { try read("CAST(x'\(hex)' AS TEXT)", as: JobState.self) }
    #expect(error?.isDamage == true && error?.message.contains("\(text) is no JobState") == true, "\(error as Any)")
  }
}
