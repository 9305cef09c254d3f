/// Commands and environments as JSON text: arrays and objects of strings. Written and read by hand, since every
/// job has both and a general coder costs more than all the rest of an enqueue. What is read is what was
/// written here: no white space, strings only.
enum StringJSON {
  static func text(_ strings: [String]) -> String {
    var out: [UInt8] = [0x5B]
    out.reserveCapacity(strings.reduce(2) { $0 + $1.utf8.count + 3 })
    for (index, string) in strings.enumerated() {
      if index > 0 { out.append(0x2C) }
      append(string, to: &out)
    }
    out.append(0x5D)
    return String(decoding: out, as: UTF8.self)
  }

  /// Sorted by key, so that the same value is always the same text.
  static func text(_ strings: [String: String]) -> String {
    var out: [UInt8] = [0x7B]
    out.reserveCapacity(strings.reduce(2) { $0 + $1.key.utf8.count + $1.value.utf8.count + 6 })
    for (index, (key, value)) in strings.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { out.append(0x2C) }
      append(key, to: &out)
      out.append(0x3A)
      append(value, to: &out)
    }
    out.append(0x7D)
    return String(decoding: out, as: UTF8.self)
  }

  /// Nil where the text is not what `text(_:)` writes.
  static func array(_ text: String) -> [String]? {
    var reader = Reader(text)
    guard reader.skip(0x5B) else { return nil }
    var strings: [String] = []
    if reader.skip(0x5D) { return reader.isAtEnd ? strings : nil }
    repeat {
      guard let string = reader.string() else { return nil }
      strings.append(string)
    } while reader.skip(0x2C)
    return reader.skip(0x5D) && reader.isAtEnd ? strings : nil
  }

  /// Nil where the text is not what `text(_:)` writes.
  static func object(_ text: String) -> [String: String]? {
    var reader = Reader(text)
    guard reader.skip(0x7B) else { return nil }
    var strings: [String: String] = [:]
    if reader.skip(0x7D) { return reader.isAtEnd ? strings : nil }
    repeat {
      guard let key = reader.string(), reader.skip(0x3A), let value = reader.string() else { return nil }
      strings[key] = value
    } while reader.skip(0x2C)
    return reader.skip(0x7D) && reader.isAtEnd ? strings : nil
  }

  private static let digits = Array("0123456789abcdef".utf8)

  /// RFC 8259, section 7: the quotation mark, the backslash and the control characters are escaped, nothing
  /// else must be.
  private static func append(_ string: String, to out: inout [UInt8]) {
    out.append(0x22)
    for byte in string.utf8 {
      switch byte {
      case 0x22, 0x5C: out += [0x5C, byte]
      case 0..<0x20: out += [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: out.append(byte)
      }
    }
    out.append(0x22)
  }

  private struct Reader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }

    mutating func skip(_ byte: UInt8) -> Bool {
      guard position < bytes.count, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    mutating func string() -> String? {
      guard skip(0x22) else { return nil }
      var out: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case 0x22: return String(decoding: out, as: UTF8.self)
        case 0x5C:
          guard position < bytes.count else { return nil }
          let escaped = bytes[position]
          position += 1
          if escaped == 0x75 {
            guard position + 4 <= bytes.count,
              let value = UInt8(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
            else { return nil }
            out.append(value)
            position += 4
          } else {
            out.append(escaped)
          }
        default: out.append(byte)
        }
      }
      return nil
    }
  }
}
