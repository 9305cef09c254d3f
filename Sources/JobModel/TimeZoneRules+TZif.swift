/// Why bytes are no usable TZif file.
package struct TZifError: Error, Sendable, Hashable, CustomStringConvertible {
  package var reason: String
  package var description: String { reason }

  init(_ reason: String) { self.reason = reason }
}

extension TimeZoneRules {
  /// Decodes a TZif file of version 1 to 4 (RFC 8536 3, RFC 9636 3), from the 64-bit data where there is some.
  ///
  /// Throws `TZifError` where the bytes are cut short or do not hold together, and for files that count leap seconds
  /// (`right/…`), which the system's clock does not.
  package init(name: String, tzif bytes: [UInt8]) throws(TZifError) {
    var reader = TZifReader(rest: bytes[...])
    var header = try reader.header()
    let isWide = header.version >= UInt8(ascii: "2")
    if isWide {
      _ = try reader.bytes(header.bodySize(timeSize: 4))
      header = try reader.header()
    }
    guard header.leapCount == 0 else { throw TZifError("it counts leap seconds, which the system's clock does not") }
    guard header.typeCount > 0 else { throw TZifError("it has no local time types") }

    let times = try reader.integers(header.timeCount, size: isWide ? 8 : 4)
    let typeIndices = try reader.bytes(header.timeCount)
    var offsets: [Int] = []
    for _ in 0..<header.typeCount {
      let offset = Int(try reader.integers(1, size: 4)[0])
      guard Self.offsets.contains(offset) else { throw TZifError("an offset of \(offset) seconds is no zone's") }
      offsets.append(offset)
      _ = try reader.bytes(2)  // Whether it is daylight saving time, and its abbreviation: nothing here asks.
    }
    _ = try reader.bytes(header.charCount + header.standardCount + header.utCount)

    var changes: [Change] = []
    changes.reserveCapacity(times.count)
    for (time, type) in zip(times, typeIndices) {
      guard Int(type) < offsets.count else { throw TZifError("a transition has a type that is not there") }
      guard time >= Period.distantPast, time <= Period.distantFuture, time > changes.last?.time ?? .min
      else { throw TZifError("its transitions are not in order") }
      changes.append(Change(time: time, offset: offsets[Int(type)]))
    }
    self.init(
      name: name, initialOffset: offsets[0], changes: changes, tail: isWide ? try reader.footer() : nil)
  }
}

/// Takes the parts of a TZif file from its front.
private struct TZifReader {
  var rest: ArraySlice<UInt8>

  struct Header {
    var version: UInt8
    var utCount: Int
    var standardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var charCount: Int

    /// The length of what follows the header, of which times have 4 bytes or 8.
    func bodySize(timeSize: Int) -> Int {
      timeCount * (timeSize + 1) + typeCount * 6 + charCount + leapCount * (timeSize + 4) + standardCount + utCount
    }
  }

  mutating func bytes(_ count: Int) throws(TZifError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw TZifError("it is cut short") }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// Big-endian, signed.
  mutating func integers(_ count: Int, size: Int) throws(TZifError) -> [Int64] {
    var left = try bytes(count * size)
    var values: [Int64] = []
    values.reserveCapacity(count)
    while !left.isEmpty {
      let negative: Int64 = left[left.startIndex] & 0x80 != 0 ? -1 : 0
      values.append(left.prefix(size).reduce(negative) { $0 << 8 | Int64($1) })
      left = left.dropFirst(size)
    }
    return values
  }

  mutating func header() throws(TZifError) -> Header {
    guard rest.starts(with: "TZif".utf8) else { throw TZifError("it is not in the TZif format") }
    let start = try bytes(20)
    let counts = try integers(6, size: 4).map { Int(UInt32(truncatingIfNeeded: $0)) }
    return Header(
      version: start[start.startIndex + 4], utCount: counts[0], standardCount: counts[1], leapCount: counts[2],
      timeCount: counts[3], typeCount: counts[4], charCount: counts[5])
  }

  /// A POSIX `TZ` string between two newlines; empty where nothing is known of the time after the last transition.
  mutating func footer() throws(TZifError) -> PosixTimeZone? {
    guard rest.first == UInt8(ascii: "\n"), let end = rest.dropFirst().firstIndex(of: UInt8(ascii: "\n"))
    else { throw TZifError("its footer is cut short") }
    let text = rest[(rest.startIndex + 1)..<end]
    guard !text.isEmpty else { return nil }
    guard let zone = PosixTimeZone(text) else {
      throw TZifError("its footer \"\(String(decoding: text, as: UTF8.self).printable)\" is no time zone's rule")
    }
    return zone
  }
}
