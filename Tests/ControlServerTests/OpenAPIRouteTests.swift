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

  @Test("The file has every field of the model, and no other")
  func fields() throws {
    let components = try #require(document["components"] as? [String: Any])
    let schemas = try #require(components["schemas"] as? [String: [String: Any]])
    for (name, fields) in [
      ("JobRequest", JobRequest.CodingKeys.allCases.map(\.rawValue)), ("Job", Job.CodingKeys.allCases.map(\.rawValue)),
      ("Attempt", Attempt.CodingKeys.allCases.map(\.rawValue)),
      ("Queue", QueueInfo.CodingKeys.allCases.map(\.rawValue)),
      ("QueuePatch", QueuePatch.CodingKeys.allCases.map(\.rawValue)),
      ("Diagnosis", Diagnosis.CodingKeys.allCases.map(\.rawValue)),
      ("Finding", Diagnosis.Finding.CodingKeys.allCases.map(\.rawValue)),
    ] {
      let properties = try #require(schemas[name]?["properties"] as? [String: Any])
      #expect(Set(properties.keys) == Set(fields), "\(name)")
      // What a reply shows is always there; a request may leave all out.
      let required = schemas[name]?["required"] as? [String] ?? []
      #expect(Set(required) == Set(["JobRequest", "QueuePatch"].contains(name) ? [] : fields), "\(name)")
    }
    for (name, words) in [
      ("State", JobState.allCases.map(\.rawValue)), ("Outcome", Outcome.allCases.map(\.rawValue)),
    ] {
      #expect(schemas[name]?["enum"] as? [String] == words, "\(name)")
    }
  }
}
