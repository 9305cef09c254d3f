import Foundation
import JobModel
import NIOHTTP1
import Testing
import Yams

@testable import ControlServer

@Suite("The routes, the model and docs/openapi.yaml") struct OpenAPIRouteTests {
  private let document: [String: Any]

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/openapi.yaml")
    document = try #require(try Yams.load(yaml: String(contentsOf: file, encoding: .utf8)) as? [String: Any])
  }

  @Test("The file has every route, and no other")
  func routes() throws {
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    let documented = Set(
      paths.flatMap { path, item in
        item.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
      })
    #expect(documented == Set(Router.api.routes.map { "\($0.method.rawValue) \($0.path)" }))
  }

  /// The bodies that a client sends: what is left out of them has a meaning.
  private static let requests: Set = [
    "JobRequest", "QueuePatch", "LeaseRequest", "LeaseReports", "PauseRequest", "JobEdit", "BulkRequest",
    "PruneRequest",
    "ScheduleRequest",
  ]

  @Test("The file has every field of the model, and no other")
  func fields() throws {
    let components = try #require(document["components"] as? [String: Any])
    let schemas = try #require(components["schemas"] as? [String: [String: Any]])
    for (name, fields) in [
      ("JobRequest", JobRequest.CodingKeys.allCases.map(\.rawValue)), ("Job", Job.CodingKeys.allCases.map(\.rawValue)),
      ("Attempt", Attempt.CodingKeys.allCases.map(\.rawValue)),
      ("Queue", QueueInfo.CodingKeys.allCases.map(\.rawValue)),
      ("QueuePatch", QueuePatch.CodingKeys.allCases.map(\.rawValue)),
      ("KeyLimit", KeyLimit.CodingKeys.allCases.map(\.rawValue)),
      ("PauseRequest", PauseRequest.CodingKeys.allCases.map(\.rawValue)),
      ("JobEdit", JobEdit.CodingKeys.allCases.map(\.rawValue)),
      ("BulkRequest", BulkRequest.CodingKeys.allCases.map(\.rawValue)),
      ("BulkReport", BulkReport.CodingKeys.allCases.map(\.rawValue)),
      ("JobGraph", JobGraph.CodingKeys.allCases.map(\.rawValue)),
      ("GraphSide", JobGraph.Side.CodingKeys.allCases.map(\.rawValue)),
      ("GraphNode", JobGraph.Node.CodingKeys.allCases.map(\.rawValue)),
      ("PruneRequest", PruneRequest.CodingKeys.allCases.map(\.rawValue)),
      ("PruneReceipt", PruneReceipt.CodingKeys.allCases.map(\.rawValue)),
      ("ScheduleRequest", ScheduleRequest.CodingKeys.allCases.map(\.rawValue)),
      ("Schedule", ScheduleInfo.CodingKeys.allCases.map(\.rawValue)),
      ("ScheduleRun", ScheduleRun.CodingKeys.allCases.map(\.rawValue)),
      ("LeaseRequest", LeaseRequest.CodingKeys.allCases.map(\.rawValue)),
      ("LeaseReports", LeaseReports.CodingKeys.allCases.map(\.rawValue)),
      ("LeaseVerdict", LeaseVerdict.CodingKeys.allCases.map(\.rawValue)),
      ("Diagnosis", Diagnosis.CodingKeys.allCases.map(\.rawValue)),
      ("Finding", Diagnosis.Finding.CodingKeys.allCases.map(\.rawValue)),
    ] {
      let properties = try #require(schemas[name]?["properties"] as? [String: Any])
      #expect(Set(properties.keys) == Set(fields), "\(name)")
      // What a reply shows is always there; a request may leave all out.
      let required = schemas[name]?["required"] as? [String] ?? []
      #expect(Set(required) == Set(Self.requests.contains(name) ? [] : fields), "\(name)")
    }
    for (name, words) in [
      ("State", JobState.allCases.map(\.rawValue)), ("Outcome", Outcome.allCases.map(\.rawValue)),
      ("MissedPolicy", MissedPolicy.allCases.map(\.rawValue)),
      ("OverlapPolicy", OverlapPolicy.allCases.map(\.rawValue)),
    ] {
      #expect(schemas[name]?["enum"] as? [String] == words, "\(name)")
    }
    let why = try #require(schemas["Why"]?["properties"] as? [String: [String: Any]])
    #expect(why["reason"]?["enum"] as? [String] == Why.Reason.allCases.map(\.rawValue))
  }
}
