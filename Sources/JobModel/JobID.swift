/// A job's number. Given once, in order of arrival, and never reused.
package struct JobID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package var rawValue: Int64

  package init(rawValue: Int64) { self.rawValue = rawValue }
  package init(_ rawValue: Int64) { self.rawValue = rawValue }

  /// Reads a number as a person types it: decimal digits, greater than 0. Anything else is nil.
  package init?(_ text: some StringProtocol) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text), value > 0
    else { return nil }
    rawValue = value
  }

  package var description: String { String(rawValue) }

  package static func < (left: JobID, right: JobID) -> Bool { left.rawValue < right.rawValue }

  package init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(Int64.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
