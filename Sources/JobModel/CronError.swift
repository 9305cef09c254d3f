/// Why a text is no cron expression: which field, and what is wrong with it.
package struct CronError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Field: String, Sendable, Hashable, CaseIterable {
    case minute
    case hour
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"
  }

  /// Nil where the expression as a whole is meant.
  package var field: Field?
  /// For people, in one line.
  package var reason: String

  init(_ field: Field?, _ reason: String) {
    self.field = field
    self.reason = reason
  }

  package var description: String { field.map { "\($0.rawValue): \(reason)" } ?? reason }
}
