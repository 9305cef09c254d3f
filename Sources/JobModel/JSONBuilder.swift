/// A value that writes itself as compact JSON (RFC 8259), with the same bytes as its Codable form gives: the fields in
/// their order, the keys of dictionaries sorted. For what the daemon answers all the time: a general encoder costs more
/// than all the rest of such an answer.
package protocol JSONWritable {
  func write(to json: inout JSONBuilder)
}

/// JSON text as it grows. What is written to it in order must make a JSON text; it does not look.
@safe package struct JSONBuilder: ~Copyable {
  /// The text, and room for more: memory of its own, since an answer is written in some sixty pieces, and an array asks at
  /// each whether it is shared. Its first `count` bytes are initialised, `capacity` are there.
  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  private var count = 0
  /// The first number that JSON has no word for: an infinity or NaN. In its place stands `null`.
  package private(set) var unwritable: Double?

  /// - Parameter capacity: in bytes; it grows when it must. What malloc keeps at hand for a thread ends at 1,032 bytes.
  package init(capacity: Int = 1000) {
    self.capacity = max(capacity, 1)
    unsafe memory = .allocate(byteCount: self.capacity, alignment: 1)
  }

  deinit { unsafe memory.deallocate() }

  /// Gives `body` all that has been written, for as long as it runs.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe body(UnsafeRawBufferPointer(start: memory, count: count))
  }

  /// The byte that was written last.
  package var last: UInt8? {
    count > 0 ? unsafe memory.load(fromByteOffset: count - 1, as: UInt8.self) : nil
  }

  /// What has been written as text: JSON is UTF-8.
  package var text: String { unsafe withBytes { unsafe String(decoding: $0, as: UTF8.self) } }

  @inline(__always) private mutating func makeRoom(for length: Int) {
    if capacity - count < length { grow(by: length) }
  }

  @inline(never) private mutating func grow(by length: Int) {
    let larger = capacity + max(capacity, length)
    let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 1)
    unsafe new.copyMemory(from: memory, byteCount: count)
    unsafe memory.deallocate()
    unsafe memory = new
    capacity = larger
  }

  // Inlined, with who calls it: where a literal is written its length is known, and to copy it is two or three moves.
  @inline(__always) private mutating func put(_ source: UnsafeRawPointer, _ length: Int) {
    makeRoom(for: length)
    // There is room from `count` on for `length` bytes.
    unsafe (memory + count).copyMemory(from: source, byteCount: length)
    count += length
  }

  private mutating func put(_ source: Span<UInt8>) {
    unsafe source.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { unsafe put(start, bytes.count) }
    }
  }

  // MARK: Punctuation and words

  /// Writes one byte for which there is room.
  @inline(__always) private mutating func append(_ byte: UInt8) {
    assert(count < capacity)
    unsafe memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// Writes `text` as it stands.
  @inline(__always) package mutating func raw(_ text: StaticString) {
    unsafe put(text.utf8Start, text.utf8CodeUnitCount)
  }

  package mutating func raw(_ byte: UInt8) {
    makeRoom(for: 1)
    append(byte)
  }

  /// Writes a member with what stands before it and its key, such as `,"state":`, in one piece.
  @inline(__always) package mutating func member(_ beginning: StaticString, _ value: some JSONWritable) {
    raw(beginning)
    value.write(to: &self)
  }

  // MARK: Numbers

  package mutating func integer(_ value: some FixedWidthInteger) {
    if value < 0 { raw(UInt8(ascii: "-")) }
    digits(UInt64(value.magnitude))
  }

  private mutating func digits(_ value: UInt64) {
    var (rest, length) = (value, 1)
    while rest > 9 { (rest, length) = (rest / 10, length + 1) }
    makeRoom(for: length)
    rest = value
    // From the last to the first.
    for place in stride(from: count + length - 1, through: count, by: -1) {
      unsafe memory.storeBytes(of: 0x30 + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
      rest /= 10
    }
    count += length
  }

  package mutating func number(_ value: Double) {
    if value.isFinite {
      let text = value.description
      put(text.utf8.span)
    } else {
      if unwritable == nil { unwritable = value }
      raw("null")
    }
  }

  // MARK: Strings

  package mutating func string(_ text: String) {
    raw(UInt8(ascii: "\""))
    let utf8 = text.utf8.span
    var start = 0
    for index in utf8.indices where Self.mustBeEscaped(utf8[index]) {
      put(utf8.extracting(start..<index))
      escape(utf8[index])
      start = index + 1
    }
    put(utf8.extracting(start..<utf8.count))
    raw(UInt8(ascii: "\""))
  }

  /// RFC 8259 section 7: the quotation mark, the backslash and the control characters, nothing else.
  private static func mustBeEscaped(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x22 || byte == 0x5C }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case 0x22: raw(#"\""#)
    case 0x5C: raw(#"\\"#)
    case 0x0A: raw(#"\n"#)
    case 0x0D: raw(#"\r"#)
    case 0x09: raw(#"\t"#)
    default:
      raw(byte < 0x10 ? #"\u000"# : #"\u001"#)
      let digit = byte & 15
      raw(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }

  /// A time in quotation marks, as `Timestamp.rfc3339` says it.
  package mutating func time(_ time: Timestamp) {
    makeRoom(for: Timestamp.rfc3339Length + 2)
    append(UInt8(ascii: "\""))
    time.writeRFC3339 { append($0) }
    append(UInt8(ascii: "\""))
  }
}

extension JSONBuilder {
  /// The value as text on one line.
  fileprivate static func text(_ value: some JSONWritable) -> String {
    var json = JSONBuilder(capacity: 256)
    value.write(to: &json)
    return json.text
  }
}

// Not for all that is writable: a generic one would be slow to call from other modules.

extension [String] {
  /// The strings as JSON, on one line.
  package var jsonText: String { JSONBuilder.text(self) }
}

extension [String: String] {
  /// The strings as JSON, on one line, sorted by key.
  package var jsonText: String { JSONBuilder.text(self) }
}

// MARK: What values are made of

extension Bool: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.raw(self ? "true" : "false") }
}

extension Int: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.integer(self) }
}

extension Int32: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.integer(self) }
}

extension Int64: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.integer(self) }
}

extension UInt32: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.integer(self) }
}

extension Double: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.number(self) }
}

extension String: JSONWritable {
  package func write(to json: inout JSONBuilder) { json.string(self) }
}

/// An enumeration of words.
extension JSONWritable where Self: RawRepresentable, RawValue == String {
  package func write(to json: inout JSONBuilder) { json.string(rawValue) }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    switch self {
    case nil: json.raw("null")
    case let value?: value.write(to: &json)
    }
  }
}

extension Array: JSONWritable where Element: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    if isEmpty { return json.raw("[]") }
    var separator = UInt8(ascii: "[")
    // In place: an element may be large.
    let elements = span
    for index in elements.indices {
      json.raw(separator)
      elements[index].write(to: &json)
      separator = UInt8(ascii: ",")
    }
    json.raw(UInt8(ascii: "]"))
  }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    if isEmpty { return json.raw("{}") }
    var separator = UInt8(ascii: "{")
    for (key, value) in sorted(by: { $0.key < $1.key }) {
      json.raw(separator)
      json.string(key)
      json.raw(UInt8(ascii: ":"))
      value.write(to: &json)
      separator = UInt8(ascii: ",")
    }
    json.raw(UInt8(ascii: "}"))
  }
}
