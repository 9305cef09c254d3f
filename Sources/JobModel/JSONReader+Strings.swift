/// Strings (RFC 8259 section 7).
extension JSONReader {
  /// A string; nil where none is next.
  package mutating func text() -> String? {
    guard expect(UInt8(ascii: "\"")) else { return nil }
    let start = position
    while true {
      switch here {
      case UInt8(ascii: "\""):
        let text = unsafe Self.string(slice(from: start).span)
        position += 1
        return given(text)
      case UInt8(ascii: "\\"): return escapedText(from: start)
      case 0..<0x20: return given(nil)
      default: position += 1
      }
    }
  }

  /// Nil where the bytes are no UTF-8. `String(validating:)` says the same, and looks generic types up each time.
  private static func string(_ utf8: Span<UInt8>) -> String? {
    do { return String(copying: try UTF8Span(validating: utf8)) } catch { return nil }
  }

  /// The string that began at `start` and has its first escape here.
  private mutating func escapedText(from start: Int) -> String? {
    var text = unsafe Array(slice(from: start))
    while true {
      let byte = here
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return given(Self.string(text.span))
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return given(nil) }
        text += UTF8.encode(scalar)!
      case 0..<0x20: return given(nil)
      default: text.append(byte)
      }
    }
  }

  /// What follows a backslash. Nil where it is no escape, or half a pair of surrogates.
  private mutating func escape() -> Unicode.Scalar? {
    let byte = here
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = unit() else { return nil }
      guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
      guard here == UInt8(ascii: "\\") else { return nil }
      position += 1
      guard here == UInt8(ascii: "u") else { return nil }
      position += 1
      guard let trail = self.unit(), UTF16.isTrailSurrogate(trail) else { return nil }
      return Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(trail) - 0xDC00))
    default: return nil
    }
  }

  private mutating func unit() -> UInt16? {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = here.hexDigit else { return nil }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }
}

extension UInt8 {
  /// The value of this ASCII character as a hexadecimal digit.
  package var hexDigit: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
