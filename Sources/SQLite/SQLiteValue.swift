/// A value that a statement takes and gives back.
@usableFromInline package protocol SQLiteValue {
  func bind(to statement: Statement)
  /// Reads the next column. Throws `SQLiteError.corrupt` where it holds what this type cannot be.
  static func read(from statement: Statement) throws(SQLiteError) -> Self
}

extension Int64: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { statement.bindInteger(self) }
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Int64 {
    statement.readInteger()
  }
}

extension Int: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { statement.bindInteger(Int64(self)) }
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Int {
    Int(statement.readInteger())
  }
}

extension Bool: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { statement.bindInteger(self ? 1 : 0) }
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Bool {
    statement.readInteger() != 0
  }
}

extension Double: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { statement.bindReal(self) }
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Double { statement.readReal() }
}

extension String: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { statement.bindText(self) }
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> String { statement.readText() }
}

extension Optional: SQLiteValue where Wrapped: SQLiteValue {
  @inlinable package func bind(to statement: Statement) {
    switch self {
    case .some(let value): value.bind(to: statement)
    case .none: statement.bindNull()
    }
  }

  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Wrapped? {
    if statement.skipNull() { return nil }
    return try Wrapped.read(from: statement)
  }
}

extension SQLiteValue where Self: RawRepresentable, RawValue: SQLiteValue {
  @inlinable package func bind(to statement: Statement) { rawValue.bind(to: statement) }

  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Self {
    let raw = try RawValue.read(from: statement)
    guard let value = Self(rawValue: raw) else {
      throw .corrupt("\(raw) is no \(Self.self)", doing: statement.sql)
    }
    return value
  }
}
