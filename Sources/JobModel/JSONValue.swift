/// Any JSON (RFC 8259): a payload, or a worker's result. Integers that fit 64 bits stay exact.
package enum JSONValue: Hashable, Sendable, Codable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  package init(from decoder: any Decoder) throws {
    if let value = (decoder.userInfo[JSONDocument.key] as? JSONDocument)?.value(at: decoder.codingPath) {
      self = value
      return
    }
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(UInt64.self) {
      self = .unsigned(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .unsigned(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}

/// A key that is whatever the document says: for finding keys that nobody asked for.
package struct AnyKey: CodingKey {
  package var stringValue: String
  package var intValue: Int? { nil }
  package init(stringValue: String) { self.stringValue = stringValue }
  package init?(intValue: Int) { nil }
}

/// A field that no part of the API has. Thrown by `refuseUnknownKeys`; a 422 that names the field.
package struct UnknownField: Error, Hashable, CustomStringConvertible {
  package var name: String
  package var known: [String]

  package init<Keys: CodingKey & CaseIterable>(_ key: some CodingKey, _: Keys.Type, under path: [any CodingKey] = []) {
    name = (path + [key]).reduce(into: "") { path, key in
      path += key.intValue.map { "[\($0)]" } ?? (path.isEmpty ? key.stringValue : ".\(key.stringValue)")
    }
    known = Keys.allCases.map(\.stringValue).sorted()
  }

  package var description: String { "unknown field \"\(name)\"; known are \(known.joined(separator: ", "))" }
}

extension Decoder {
  /// Throws `UnknownField` where the object has a key that `Keys` has not.
  package func refuseUnknownKeys<Keys: CodingKey & CaseIterable>(_: Keys.Type) throws {
    let container = try self.container(keyedBy: AnyKey.self)
    for key in container.allKeys where Keys(stringValue: key.stringValue) == nil {
      throw UnknownField(key, Keys.self, under: codingPath)
    }
  }
}
