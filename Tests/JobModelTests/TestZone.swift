import JobModel

/// Makes TZif files for tests, byte by byte.
enum TestZone {
  /// - Parameters:
  ///   - types: offsets.
  ///   - version: "1" writes the 32-bit data alone.
  static func bytes(
    version: Character = "2", transitions: [(time: Int64, type: UInt8)] = [], types: [Int32] = [0], leaps: Int = 0,
    footer: String = ""
  ) -> [UInt8] {
    func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
      withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
    func block(wide: Bool) -> [UInt8] {
      var bytes = Array("TZif".utf8) + [version == "1" ? 0 : version.asciiValue!] + [UInt8](repeating: 0, count: 15)
      for count in [0, 0, leaps, transitions.count, types.count, 4] { bytes += big(UInt32(count)) }
      for transition in transitions {
        bytes += wide ? big(transition.time) : big(Int32(truncatingIfNeeded: transition.time))
      }
      bytes += transitions.map(\.type)
      for type in types { bytes += big(type) + [0, 0] }
      bytes += Array("XXX\0".utf8)
      for _ in 0..<leaps {
        bytes += wide ? big(Int64(78_796_800)) : big(Int32(78_796_800))
        bytes += big(Int32(1))
      }
      return bytes
    }
    guard version != "1" else { return block(wide: false) }
    return block(wide: false) + block(wide: true) + Array("\n\(footer)\n".utf8)
  }

  /// Nil where the footer is refused.
  static func rules(footer: String) -> TimeZoneRules? { try? TimeZoneRules(name: "test", tzif: bytes(footer: footer)) }
}
