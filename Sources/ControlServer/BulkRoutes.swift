import JobModel
import NIOHTTP1
import Supervisor

/// Many jobs at once: the bulk verbs and pruning. Each may take as long as there are jobs; a stop cuts it short between
/// two steps.
enum BulkRoutes {
  static let all = [
    Route(.POST, "/v1/bulk/{verb}", kind: .long) { call throws(Problem) in
      try call.noParameters()
      guard let verb = BulkVerb(rawValue: call.captures[0]) else {
        let known = BulkVerb.allCases.map(\.rawValue).joined(separator: ", ")
        throw Problem(.notFound, "\"\(call.captures[0].printable)\" is none of the bulk verbs \(known)")
      }
      return try .json(try await call.service.perform(verb, try call.json()))
    },
    Route(.POST, "/v1/prune", kind: .long) { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.prune(try call.json()))
    },
  ]
}
