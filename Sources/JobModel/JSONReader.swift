/// A value that reads itself from plain JSON. What is not plain is for the general decoder, which also says what is
/// wrong with it: so the two together take what the decoder takes, and refuse it in its words.
package protocol JSONReadable {
  /// Nil, or any value at all, where `json` has come upon something that is not plain: it knows, and
  /// `JSONReader.value` answers nil.
  init?(plain json: inout JSONReader)

  /// The value that all of `text` is, by `JSONReader.value`; nil where it is not plain. For each type by itself: called
  /// from another module, a generic one would look the type up and copy the value around.
  static func plain(_ text: Span<UInt8>) -> Self?
}

/// Reads JSON (RFC 8259) straight through, without a tree and without copies but for the strings that it gives.
///
/// It reads what is plain, and gives up on anything else: a fault, a key that is not known or comes twice, a value of
/// another type. It does not say why. Once it has given up it stands at the end, every question is answered by nil,
/// and every loop ends.
///
/// A value of any kind (`value`) is plain whatever is in it, as long as it is JSON and its numbers are in the range of a
/// Double: the time that a document takes must not be in its writer's hands, and the general decoder's is.
@safe package struct JSONReader {
  /// Lives as long as the call of `value` that made the reader. `here`, `slice` and nothing else look into it.
  private let bytes: UnsafeBufferPointer<UInt8>
  var position = 0
  private var isPlain = true
  private var depth = 0

  /// As deep as values may be nested in each other and still be plain: what a reply wraps around a payload must leave it
  /// readable to decoders that go to 512, as the general one does.
  package static let deepest = 500

  /// The value that all of `text` is; nil where it is not plain.
  static func value<Value: JSONReadable>(_: Value.Type = Value.self, in text: Span<UInt8>) -> Value? {
    unsafe text.withUnsafeBufferPointer { bytes in
      var json = unsafe JSONReader(bytes: bytes)
      let value = Value(plain: &json)
      _ = json.next()
      return unsafe json.isPlain && json.position == json.bytes.count ? value : nil
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { unsafe self.bytes = bytes }

  /// This is not plain.
  package mutating func giveUp() {
    isPlain = false
    position = unsafe bytes.count
  }

  /// Gives up where what was read is no value of the field.
  package mutating func given<Value>(_ value: Value?) -> Value? {
    if value == nil { giveUp() }
    return value
  }

  // MARK: Bytes

  /// The byte at the position; 0, which stands nowhere in JSON, at the end.
  var here: UInt8 { unsafe position < bytes.count ? bytes[position] : 0 }

  /// What has been read since `start`.
  func slice(from start: Int) -> UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(rebasing: bytes[start..<position])
  }

  /// The next byte that is no white space.
  mutating func next() -> UInt8 {
    while true {
      let byte = here
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
      position += 1
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard next() == byte else { return false }
    position += 1
    return true
  }

  mutating func expect(_ byte: UInt8) -> Bool {
    if take(byte) { return true }
    giveUp()
    return false
  }

  mutating func word(_ word: StaticString) {
    for index in 0..<word.utf8CodeUnitCount {
      guard unsafe here == word.utf8Start[index] else { return giveUp() }
      position += 1
    }
  }

  // MARK: Objects and arrays

  /// How far an object or an array has been read.
  package struct Progress {
    fileprivate var hasBegun = false
    /// The fields that were there.
    fileprivate var seen: UInt64 = 0
    package init() {}
  }

  /// Whether another element or member follows. Begins the container, and ends it.
  private mutating func goesOn(_ progress: inout Progress, _ opening: UInt8, _ closing: UInt8) -> Bool {
    if progress.hasBegun {
      if take(closing) {
        depth -= 1
        return false
      }
      return expect(UInt8(ascii: ","))
    }
    progress.hasBegun = true
    depth += 1
    guard depth <= Self.deepest else {
      giveUp()
      return false
    }
    guard expect(opening) else { return false }
    if take(closing) {
      depth -= 1
      return false
    }
    return isPlain
  }

  /// The next field of an object whose value is to be read then; nil at its end.
  package mutating func field<Field>(of keys: JSONKeys<Field>, in object: inout Progress) -> Field? {
    guard goesOn(&object, UInt8(ascii: "{"), UInt8(ascii: "}")), expect(UInt8(ascii: "\"")) else { return nil }
    let start = position
    while here > 0x20, here != UInt8(ascii: "\"") { position += 1 }
    guard here == UInt8(ascii: "\""), let index = unsafe keys.index(of: slice(from: start)),
      object.seen & (1 << UInt64(index)) == 0
    else {
      giveUp()
      return nil
    }
    object.seen |= 1 << UInt64(index)
    position += 1
    guard expect(UInt8(ascii: ":")) else { return nil }
    return keys.fields[index]
  }

  /// Whether another element is to be read; false at the end of the array.
  package mutating func element(in array: inout Progress) -> Bool {
    goesOn(&array, UInt8(ascii: "["), UInt8(ascii: "]"))
  }

  // MARK: Values. Nil for `null` as well: it is as if the field were not there.

  /// Takes `null` where it is next.
  package mutating func null() -> Bool {
    guard next() == UInt8(ascii: "n") else { return false }
    word("null")
    return true
  }

  package mutating func bool() -> Bool? {
    switch next() {
    case UInt8(ascii: "t"):
      word("true")
      return true
    case UInt8(ascii: "f"):
      word("false")
      return false
    case UInt8(ascii: "n"): word("null")
    default: giveUp()
    }
    return nil
  }

  package mutating func string() -> String? { null() ? nil : text() }

  /// Whether a string is next.
  package var isAtString: Bool { mutating get { next() == UInt8(ascii: "\"") } }

  package mutating func strings() -> [String]? {
    array { json in json.text() }
  }

  /// An array of what `element` reads, which gives up where that is nil.
  package mutating func array<Element>(_ element: (inout JSONReader) -> Element?) -> [Element]? {
    if null() { return nil }
    var (elements, array) = ([Element](), Progress())
    while self.element(in: &array) {
      if elements.isEmpty { elements.reserveCapacity(2) }
      guard let element = element(&self) else {
        giveUp()
        return nil
      }
      elements.append(element)
    }
    return elements
  }

  package mutating func stringsByName() -> [String: String]? {
    object { json in json.text() }
  }

  /// An object of what `value` reads, which gives up where that is nil. Of members with one name the first counts, as the
  /// decoder has it.
  private mutating func object<Value>(_ value: (inout JSONReader) -> Value?) -> [String: Value]? {
    if null() { return nil }
    var (values, object) = ([String: Value](), Progress())
    while goesOn(&object, UInt8(ascii: "{"), UInt8(ascii: "}")) {
      guard let name = text(), expect(UInt8(ascii: ":")), let value = value(&self) else {
        giveUp()
        return nil
      }
      if let first = values.updateValue(value, forKey: name) { values[name] = first }
    }
    return values
  }

  /// Whatever comes, `null` included. Nil only where it is not plain.
  package mutating func value() -> JSONValue? {
    switch next() {
    case UInt8(ascii: "\""): return text().map { .string($0) }
    case UInt8(ascii: "{"): return object { json in json.value() }.map { .object($0) }
    case UInt8(ascii: "["): return array { json in json.value() }.map { .array($0) }
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return bool().map { .bool($0) }
    case UInt8(ascii: "n"):
      word("null")
      return .null
    default:
      switch number() {
      case .integer(let value): return .integer(value)
      case .unsigned(let value): return .unsigned(value)
      // 1.0 and 1e2 are whole. From 2^53 on a Double is whole because it has been rounded.
      case .double(let value):
        let whole = value.magnitude < 0x1p53 ? Int64(exactly: value) : nil
        return whole.map { .integer($0) } ?? .number(value)
      case nil: return nil
      }
    }
  }
}
