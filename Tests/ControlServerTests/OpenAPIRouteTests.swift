import Foundation
import NIOHTTP1
import Testing
import Yams

@testable import ControlServer

@Suite("The routes and docs/openapi.yaml") struct OpenAPIRouteTests {
  @Test("The file has every route, and no other")
  func same() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/openapi.yaml")
    let document = try #require(try Yams.load(yaml: String(contentsOf: file, encoding: .utf8)) as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    let documented = Set(
      paths.flatMap { path, item in
        item.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
      })
    #expect(documented == Set(Router.api.routes.map { "\($0.method.rawValue) \($0.path)" }))
  }
}
