import CSQLite

/// A prepared statement (https://www.sqlite.org/c3ref/stmt.html). Parameters are bound and columns read one
/// after the other, in the order in which the SQL names them.
///
/// Belongs to the thread of its connection, which it keeps alive. A bind that fails is told by the next step.
@safe
@usableFromInline package final class Statement {
  @usableFromInline package let sql: String
  private let connection: Connection
  private let isKept: Bool
  private let handle: OpaquePointer
  private var parameter: Int32 = 0
  private var column: Int32 = 0
  private var bindFailure: Int32 = SQLITE_OK
  /// A bound value is so large that it is not kept until the next takes its place.
  private var isHeavy = false

  init(_ connection: Connection, handle: OpaquePointer, sql: String, isKept: Bool) {
    self.connection = connection
    self.isKept = isKept
    unsafe self.handle = unsafe handle
    self.sql = sql
  }

  deinit { _ = unsafe sqlite3_finalize(handle) }

  // MARK: Running

  /// Moves to the next row; false after the last. After a failure the statement has been reset.
  package func step() throws(SQLiteError) -> Bool {
    guard bindFailure == SQLITE_OK else {
      let code = bindFailure
      reset()
      throw connection.error(code, doing: sql)
    }
    column = 0
    // In one that is used again, what is not bound anew would be what it was the last time.
    assert(
      unsafe !isKept || sqlite3_bind_parameter_count(handle) == parameter, "\(sql): \(parameter) parameters are bound")
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      // The error is asked for first: the reset may change it.
      let error = connection.error(code, doing: sql)
      reset()
      throw error
    }
  }

  /// Runs to the end, whatever rows it gives, and makes ready for the next use.
  package func run() throws(SQLiteError) {
    while try step() {}
    reset()
  }

  /// Gives what `read` makes of the first row, nil where there is none, and makes ready for the next use.
  package func first<Value>(_ read: (Statement) throws(SQLiteError) -> Value) throws(SQLiteError) -> Value? {
    defer { reset() }
    return try step() ? try read(self) : nil
  }

  /// Gives what `read` makes of every row, and makes ready for the next use.
  package func all<Value>(_ read: (Statement) throws(SQLiteError) -> Value) throws(SQLiteError) -> [Value] {
    defer { reset() }
    var values: [Value] = []
    while try step() { values.append(try read(self)) }
    return values
  }

  /// Ends the run and forgets large parameters. Each parameter is bound anew for the next.
  package func reset() {
    _ = unsafe sqlite3_reset(handle)
    if isHeavy {
      _ = unsafe sqlite3_clear_bindings(handle)
      isHeavy = false
    }
    parameter = 0
    bindFailure = SQLITE_OK
  }

  // MARK: Parameters

  @discardableResult
  @inlinable package func bind(_ value: some SQLiteValue) -> Statement {
    value.bind(to: self)
    return self
  }

  @usableFromInline func bindInteger(_ value: Int64) { note(unsafe sqlite3_bind_int64(handle, next(), value)) }
  @usableFromInline func bindReal(_ value: Double) { note(unsafe sqlite3_bind_double(handle, next(), value)) }
  @usableFromInline func bindNull() { note(unsafe sqlite3_bind_null(handle, next())) }

  @usableFromInline func bindText(_ value: String) {
    var value = value
    let index = next()
    if value.utf8.count > Self.heavy { isHeavy = true }
    let code = value.withUTF8 { bytes in
      // An empty buffer may have no address, which SQLite would take for NULL.
      unsafe bytes.isEmpty
        ? sqlite3_bind_text(handle, index, "", 0, nil)
        : bytes.withMemoryRebound(to: CChar.self) { characters in
          unsafe sqlite3_bind_text64(
            handle, index, characters.baseAddress, UInt64(characters.count), Self.copied, UInt8(SQLITE_UTF8))
        }
    }
    note(code)
  }

  package func bindBytes(_ bytes: RawSpan) {
    let index = next()
    if bytes.byteCount > Self.heavy { isHeavy = true }
    let code = unsafe bytes.withUnsafeBytes { bytes in
      unsafe bytes.isEmpty
        ? sqlite3_bind_zeroblob(handle, index, 0)
        : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), Self.copied)
    }
    note(code)
  }

  private static let heavy = 4096

  /// SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
  private static var copied: sqlite3_destructor_type { unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

  private func next() -> Int32 {
    parameter += 1
    return parameter
  }

  private func note(_ code: Int32) {
    if code != SQLITE_OK, bindFailure == SQLITE_OK { bindFailure = code }
  }

  // MARK: Columns

  @inlinable package func read<Value: SQLiteValue>(_: Value.Type = Value.self) throws(SQLiteError) -> Value {
    try Value.read(from: self)
  }

  @usableFromInline func readInteger() -> Int64 {
    defer { column += 1 }
    return unsafe sqlite3_column_int64(handle, column)
  }

  @usableFromInline func readReal() -> Double {
    defer { column += 1 }
    return unsafe sqlite3_column_double(handle, column)
  }

  @usableFromInline func readText() -> String {
    defer { column += 1 }
    // The text is asked for before its length: the other order may measure another encoding
    // (c3ref/column_blob.html).
    guard let start = unsafe sqlite3_column_text(handle, column) else { return "" }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  /// Nil where the next column's text is longer.
  @usableFromInline func readShortText() -> ShortText? {
    defer { column += 1 }
    let start = unsafe sqlite3_column_text(handle, column)
    let count = unsafe start == nil ? 0 : Int(sqlite3_column_bytes(handle, column))
    return unsafe ShortText(UnsafeBufferPointer(start: start, count: count).span)
  }

  /// What has just been read.
  @usableFromInline func textBefore() -> String {
    column -= 1
    return readText()
  }

  package func readBytes() -> [UInt8] {
    defer { column += 1 }
    guard let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Whether the next column is NULL; then it has been passed.
  @usableFromInline package func skipNull() -> Bool {
    guard unsafe sqlite3_column_type(handle, column) == SQLITE_NULL else { return false }
    column += 1
    return true
  }
}
