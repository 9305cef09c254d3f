/// A set of exit codes, written `1,75,100-110`.
package struct ExitCodes: Hashable, Sendable, Codable, CustomStringConvertible {
  private var ranges: [ClosedRange<UInt8>]

  /// Reads codes and ranges with commas between. Nil where one is no number from 0 to 255, or a range runs backwards.
  package init?(_ text: some StringProtocol) {
    var ranges: [ClosedRange<UInt8>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt8($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last
      else { return nil }
      ranges.append(first...last)
    }
    self.ranges = ranges
  }

  package func contains(_ code: Int) -> Bool {
    guard let code = UInt8(exactly: code) else { return false }
    return ranges.contains { $0.contains(code) }
  }

  package var description: String {
    ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }

  /// A string as above, or an array of numbers.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text: String
    if let numbers = try? container.decode([Int].self) {
      text = numbers.map(String.init).joined(separator: ",")
    } else {
      text = try container.decode(String.self)
    }
    guard let codes = ExitCodes(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "exit codes from 0 to 255 are expected, such as \"1,75,100-110\"")
    }
    self = codes
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
