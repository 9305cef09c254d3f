import JobModel
import NIOCore

/// Writes answers as compact JSON (RFC 8259): the same value gives the same bytes.
enum JSONWriter {
  /// What the daemon answers all the time writes itself.
  /// - Throws: `EncodingError` where a number is not finite: JSON has no word for it.
  static func bytes(_ value: some Encodable & JSONWritable) throws -> ByteBuffer {
    var json = JSONBuilder()
    value.write(to: &json)
    return try bytes(json)
  }

  /// The rest is written from its Codable form, the fields in the order in which the type encodes them, the keys of
  /// dictionaries sorted. Foundation's encoder builds a tree first and shuffles its keys.
  static func bytes(_ value: some Encodable) throws -> ByteBuffer {
    let output = JSONOutput()
    try output.write(value)
    return try bytes(output.json)
  }

  private static func bytes(_ json: borrowing JSONBuilder) throws -> ByteBuffer {
    if let number = json.unwritable {
      throw EncodingError.invalidValue(number, .init(codingPath: [], debugDescription: "no JSON number"))
    }
    return json.withBytes { ByteBuffer(bytes: $0) }
  }
}

/// The text so far, and which objects and arrays are still open. A container of Codable is never told that it is done;
/// it is when its parent writes on, or when the value that opened it has been encoded.
private final class JSONOutput {
  // Unchecked: the checks would take a third of the time of all writing. They would find nothing, since no method here
  // calls out while it changes one of these.
  @exclusivity(unchecked) var json = JSONBuilder()
  @exclusivity(unchecked) private var open: [UInt8] = []

  var depth: Int { open.count }

  func begin(_ opening: UInt8, _ closing: UInt8) -> Int {
    json.raw(opening)
    open.append(closing)
    return open.count
  }

  func close(to depth: Int) {
    while open.count > depth { json.raw(open.removeLast()) }
  }

  /// A comma, unless this is the first element: then the last byte is what opened the container.
  func separate(at depth: Int) {
    close(to: depth)
    switch json.last {
    case UInt8(ascii: "{"), UInt8(ascii: "["): break
    default: json.raw(UInt8(ascii: ","))
    }
  }

  func key(_ key: String, at depth: Int) {
    separate(at: depth)
    json.string(key)
    json.raw(UInt8(ascii: ":"))
  }

  func write<Value: Encodable>(_ value: Value) throws {
    // Dictionaries come in their keys' order.
    if Value.self == [String: String].self, let value = value as? [String: String] {
      return value.write(to: &json)
    } else if Value.self == [String: String?].self, let value = value as? [String: String?] {
      return value.write(to: &json)
    } else if Value.self == [String: JSONValue].self, let value = value as? [String: JSONValue] {
      return value.write(to: &json)
    }
    let depth = open.count
    try value.encode(to: JSONValueEncoder(output: self))
    close(to: depth)
  }
}

/// Where a single value goes: the root, an element or a member.
private struct JSONValueEncoder: Encoder, SingleValueEncodingContainer {
  let output: JSONOutput
  /// What was open before it.
  private let depth: Int
  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  init(output: JSONOutput) {
    self.output = output
    depth = output.depth
  }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedEncodingContainer<Key> {
    // Asked again, it goes on with the same object: so a value adds fields to those of another.
    if output.depth > depth {
      output.close(to: depth + 1)
      return KeyedEncodingContainer(JSONObjectContainer(output: output, depth: depth + 1))
    }
    let depth = output.begin(UInt8(ascii: "{"), UInt8(ascii: "}"))
    return KeyedEncodingContainer(JSONObjectContainer(output: output, depth: depth))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    JSONArrayContainer(output: output, depth: output.begin(UInt8(ascii: "["), UInt8(ascii: "]")))
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  func encodeNil() { output.json.raw("null") }
  func encode(_ value: Bool) { value.write(to: &output.json) }
  func encode(_ value: String) { output.json.string(value) }
  func encode(_ value: Double) { output.json.number(value) }
  func encode(_ value: Float) { output.json.number(Double(value)) }
  func encode(_ value: Int) { output.json.integer(value) }
  func encode(_ value: Int8) { output.json.integer(value) }
  func encode(_ value: Int16) { output.json.integer(value) }
  func encode(_ value: Int32) { output.json.integer(value) }
  func encode(_ value: Int64) { output.json.integer(value) }
  func encode(_ value: UInt) { output.json.integer(value) }
  func encode(_ value: UInt8) { output.json.integer(value) }
  func encode(_ value: UInt16) { output.json.integer(value) }
  func encode(_ value: UInt32) { output.json.integer(value) }
  func encode(_ value: UInt64) { output.json.integer(value) }
  func encode(_ value: some Encodable) throws { try output.write(value) }
}

private struct JSONObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let output: JSONOutput
  let depth: Int
  var codingPath: [any CodingKey] { [] }

  private func member(_ key: Key) -> JSONValueEncoder {
    output.key(key.stringValue, at: depth)
    return JSONValueEncoder(output: output)
  }

  func encodeNil(forKey key: Key) { member(key).encodeNil() }
  func encode(_ value: Bool, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: String, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Double, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Float, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int8, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int16, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int32, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: Int64, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt8, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt16, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt32, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: UInt64, forKey key: Key) { member(key).encode(value) }
  func encode(_ value: some Encodable, forKey key: Key) throws { try member(key).encode(value) }

  func nestedContainer<Nested: CodingKey>(keyedBy: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
    member(key).container(keyedBy: keyedBy)
  }
  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { member(key).unkeyedContainer() }
  func superEncoder() -> any Encoder {
    output.key("super", at: depth)
    return JSONValueEncoder(output: output)
  }
  func superEncoder(forKey key: Key) -> any Encoder { member(key) }
}

private struct JSONArrayContainer: UnkeyedEncodingContainer {
  let output: JSONOutput
  let depth: Int
  private(set) var count = 0
  var codingPath: [any CodingKey] { [] }

  init(output: JSONOutput, depth: Int) {
    self.output = output
    self.depth = depth
  }

  private mutating func element() -> JSONValueEncoder {
    output.separate(at: depth)
    count += 1
    return JSONValueEncoder(output: output)
  }

  mutating func encodeNil() { element().encodeNil() }
  mutating func encode(_ value: Bool) { element().encode(value) }
  mutating func encode(_ value: String) { element().encode(value) }
  mutating func encode(_ value: Double) { element().encode(value) }
  mutating func encode(_ value: Float) { element().encode(value) }
  mutating func encode(_ value: Int) { element().encode(value) }
  mutating func encode(_ value: Int8) { element().encode(value) }
  mutating func encode(_ value: Int16) { element().encode(value) }
  mutating func encode(_ value: Int32) { element().encode(value) }
  mutating func encode(_ value: Int64) { element().encode(value) }
  mutating func encode(_ value: UInt) { element().encode(value) }
  mutating func encode(_ value: UInt8) { element().encode(value) }
  mutating func encode(_ value: UInt16) { element().encode(value) }
  mutating func encode(_ value: UInt32) { element().encode(value) }
  mutating func encode(_ value: UInt64) { element().encode(value) }
  mutating func encode(_ value: some Encodable) throws { try element().encode(value) }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy: Nested.Type) -> KeyedEncodingContainer<Nested> {
    element().container(keyedBy: keyedBy)
  }
  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { element().unkeyedContainer() }
  mutating func superEncoder() -> any Encoder { element() }
}
