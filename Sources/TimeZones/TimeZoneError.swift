/// Why a time zone is not to be had.
package struct TimeZoneError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Code: Sendable, Hashable {
    /// The name is none, or the system knows no such zone.
    case unknown
    /// The system has no time zones at all.
    case noDatabase
    /// The file is there but cannot be read, or holds something else.
    case unusable
  }

  package var code: Code
  /// What was asked, the path that was tried, and what to do; one line.
  package var message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
