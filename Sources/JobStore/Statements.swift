import SQLite

/// The statements of one connection, each prepared once, when it is first used. For the connection's thread.
final class Statements {
  let connection: Connection
  private var prepared: [Statement?]

  init(_ connection: Connection) {
    self.connection = connection
    prepared = Array(repeating: nil, count: Query.allCases.count)
  }

  subscript(query: Query) -> Statement {
    get throws(SQLiteError) {
      if let statement = prepared[query.rawValue] { return statement }
      let statement = try connection.prepare(query.sql, isKept: true)
      prepared[query.rawValue] = statement
      return statement
    }
  }
}
