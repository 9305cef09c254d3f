/// A value that is one of a few words, such as a state: read by comparing bytes, without a string being made of them. A job's row
/// has four of these, and is read twice in the life of most jobs.
@usableFromInline package protocol SQLiteWord: SQLiteValue, RawRepresentable, Sendable where RawValue == String {
  static var words: SQLiteWords<Self> { get }
}

/// The words of a type.
@usableFromInline package struct SQLiteWords<Value: RawRepresentable & Sendable>: Sendable
where Value.RawValue == String {
  @usableFromInline let entries: [(text: ShortText, value: Value)]

  /// - Parameter values: whose words have up to 16 bytes.
  @inlinable package init(_ values: [Value]) {
    entries = values.map { value in
      var word = value.rawValue
      guard let text = word.withUTF8({ bytes in unsafe ShortText(bytes.span) }) else {
        preconditionFailure("\(value.rawValue) is too long")
      }
      return (text, value)
    }
  }

  @inlinable func value(of text: ShortText?) -> Value? {
    guard let text else { return nil }
    for entry in entries where entry.text == text { return entry.value }
    return nil
  }
}

/// Up to 16 bytes.
@usableFromInline struct ShortText: Equatable, Sendable {
  @usableFromInline var count: Int
  @usableFromInline var low: UInt64 = 0
  @usableFromInline var high: UInt64 = 0

  /// Nil where there are more.
  @usableFromInline init?(_ bytes: Span<UInt8>) {
    guard bytes.count <= 16 else { return nil }
    count = bytes.count
    for index in bytes.indices {
      if index < 8 { low = low << 8 | UInt64(bytes[index]) } else { high = high << 8 | UInt64(bytes[index]) }
    }
  }

  @inlinable static func == (one: Self, other: Self) -> Bool {
    one.low == other.low && one.high == other.high && one.count == other.count
  }
}

extension SQLiteWord {
  @inlinable package static func read(from statement: Statement) throws(SQLiteError) -> Self {
    if let value = words.value(of: statement.readShortText()) { return value }
    throw .corrupt("\(statement.textBefore()) is no \(Self.self)", doing: statement.sql)
  }
}
