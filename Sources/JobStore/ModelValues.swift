import JobModel
import SQLite

// How the model's types stand in the database: states and outcomes as the words of the API, times in
// milliseconds.

extension JobID: SQLiteValue {}
extension JobState: SQLiteWord { static let words = SQLiteWords(allCases) }
extension Outcome: SQLiteWord { static let words = SQLiteWords(allCases) }
extension OnInterrupt: SQLiteWord { static let words = SQLiteWords(allCases) }
extension Backoff.Kind: SQLiteWord { static let words = SQLiteWords(allCases) }
extension JobRow.Kind: SQLiteWord { static let words = SQLiteWords(allCases) }

extension Timestamp: SQLiteValue {
  func bind(to statement: Statement) { milliseconds.bind(to: statement) }
  static func read(from statement: Statement) throws(SQLiteError) -> Timestamp {
    Timestamp(milliseconds: try Int64.read(from: statement))
  }
}

extension TimeSpan: SQLiteValue {
  func bind(to statement: Statement) { milliseconds.bind(to: statement) }
  static func read(from statement: Statement) throws(SQLiteError) -> TimeSpan {
    TimeSpan(milliseconds: try Int64.read(from: statement))
  }
}

extension ExitCodes: SQLiteValue {
  func bind(to statement: Statement) { description.bind(to: statement) }
  static func read(from statement: Statement) throws(SQLiteError) -> ExitCodes {
    let text = try String.read(from: statement)
    guard let codes = ExitCodes(text) else { throw .corrupt("\(text) are no exit codes", doing: statement.sql) }
    return codes
  }
}

extension Rate: SQLiteValue {
  func bind(to statement: Statement) { description.bind(to: statement) }
  static func read(from statement: Statement) throws(SQLiteError) -> Rate {
    let text = try String.read(from: statement)
    guard let rate = Rate(text) else { throw .corrupt("\(text) is no rate", doing: statement.sql) }
    return rate
  }
}
