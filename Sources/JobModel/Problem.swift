/// Why a request was not done: an RFC 9457 problem document (`application/problem+json`), and the error that carries it
/// through the program. `code` is for programs, `detail` for people: what is wrong and what to do.
package struct Problem: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  package enum Code: String, Sendable, Codable, CaseIterable {
    case malformed
    case notPermitted = "not_permitted"
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case wrongState = "wrong_state"
    case tooLarge = "too_large"
    case invalidValue = "invalid_value"
    case draining
    case notReady = "not_ready"
    case storage
    case fault

    package var status: Int {
      switch self {
      case .malformed: 400
      case .notPermitted: 403
      case .notFound: 404
      case .methodNotAllowed: 405
      case .wrongState: 409
      case .tooLarge: 413
      case .invalidValue: 422
      case .fault: 500
      case .draining, .notReady: 503
      case .storage: 507
      }
    }

    package var title: String {
      switch self {
      case .malformed: "The request is malformed"
      case .notPermitted: "Not permitted"
      case .notFound: "Not found"
      case .methodNotAllowed: "Method not allowed"
      case .wrongState: "Wrong state"
      case .tooLarge: "Too large"
      case .invalidValue: "A value is refused"
      case .fault: "A fault in jobqd"
      case .draining: "Draining"
      case .notReady: "Not ready"
      case .storage: "Storage failed"
      }
    }

    /// The exit code of `jobq` for this refusal.
    package var exitCode: Int32 {
      switch self {
      case .notPermitted: 77
      case .draining, .notReady, .storage: 75
      default: 1
      }
    }
  }

  /// `about:blank`'s stand-in: a URN that ends in the code.
  package var type: String
  package var title: String
  package var status: Int
  package var detail: String
  package var code: Code
  /// The field that is refused, for `invalid_value`.
  package var field: String?
  /// The line of an NDJSON body, from 1, on which the problem lies.
  package var line: Int?

  package init(_ code: Code, _ detail: String, field: String? = nil, line: Int? = nil) {
    type = "urn:jobq:problem:\(code.rawValue)"
    title = code.title
    status = code.status
    self.detail = detail
    self.code = code
    self.field = field
    self.line = line
  }

  package init(_ invalid: InvalidValue) {
    self.init(.invalidValue, invalid.description, field: invalid.field)
  }

  package static func noSuchJob(_ id: JobID) -> Problem { Problem(.notFound, "there is no job \(id)") }

  package var description: String { detail }
}
