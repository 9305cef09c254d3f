import JobModel
import NIOHTTP1

/// One operation of the API. A reference: it is handed on with each request.
final class Route: Sendable {
  enum Kind: Sendable {
    /// Ends by itself, soon. A stop waits for it.
    case short
    /// Lasts as long as a job does. A stop ends it.
    case long
  }

  let method: HTTPMethod
  /// `/v1/jobs/{id}`: as the OpenAPI file writes it.
  let path: String
  let kind: Kind
  /// Whether `application/x-ndjson` is read line by line, as it arrives.
  let takesLines: Bool
  let answer: @Sendable (Call) async throws(Problem) -> Reply
  fileprivate let pattern: [Pattern]
  fileprivate let hasCaptures: Bool

  fileprivate enum Pattern: Sendable {
    case literal(String)
    case capture
  }

  init(
    _ method: HTTPMethod, _ path: String, kind: Kind = .short, takesLines: Bool = false,
    answer: @escaping @Sendable (Call) async throws(Problem) -> Reply
  ) {
    self.method = method
    self.path = path
    self.kind = kind
    self.takesLines = takesLines
    self.answer = answer
    pattern = path.dropFirst().split(separator: "/").map { $0.hasPrefix("{") ? .capture : .literal(String($0)) }
    hasCaptures = path.contains("{")
  }

  /// The captured segments, where the path is this route's.
  fileprivate func captures(of segments: [String]) -> [String]? {
    guard segments.count == pattern.count else { return nil }
    var captures: [String] = []
    for (segment, part) in zip(segments, pattern) {
      switch part {
      case .literal(let word): guard segment == word else { return nil }
      case .capture:
        guard !segment.isEmpty else { return nil }
        captures.append(segment)
      }
    }
    return captures
  }
}

/// Finds the route of a request. Some twenty routes are looked through in order: that costs less than what a
/// cleverer structure would save.
struct Router: Sendable {
  enum Match: Sendable {
    case route(Route, captures: [String])
    case refused(Problem, allow: [HTTPMethod])
  }

  let routes: [Route]
  private let literals: [Route]

  init(routes: [Route]) {
    self.routes = routes
    literals = routes.filter { !$0.hasCaptures }
  }

  static let api = Router(
    routes: JobRoutes.all + BulkRoutes.all + LeaseRoutes.all + LogRoutes.all + QueueRoutes.all + ScheduleRoutes.all
      + DaemonRoutes.all + UpkeepRoutes.all + EventRoutes.all)

  /// The route that a request's target names as it stands, without a query. Most do: for the others there is `match`.
  func route(_ method: HTTPMethod, at target: String) -> Route? {
    let length = target.utf8.count
    return literals.first { $0.path.utf8.count == length && $0.path == target && $0.method == method }
  }

  func match(_ method: HTTPMethod, _ target: RequestTarget) -> Match {
    // RFC 9110 section 9.3.2: HEAD is GET without the body.
    let wanted = method == .HEAD ? .GET : method
    var allowed: [HTTPMethod] = []
    for route in routes {
      guard let captures = route.captures(of: target.segments) else { continue }
      if route.method == wanted { return .route(route, captures: captures) }
      allowed.append(route.method)
      if route.method == .GET { allowed.append(.HEAD) }
    }
    let path = "/" + target.segments.joined(separator: "/").printable
    guard !allowed.isEmpty else { return .refused(Problem(.notFound, "there is nothing at \"\(path)\""), allow: []) }
    let words = allowed.map(\.rawValue).joined(separator: ", ")
    return .refused(
      Problem(.methodNotAllowed, "\"\(path)\" takes \(words), not \(method.rawValue.printable)"), allow: allowed)
  }
}
