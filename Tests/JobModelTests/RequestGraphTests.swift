import JobModel
import SeededRandom
import Testing

@Suite("Jobs of one body that name each other")
struct RequestGraphTests {
  private func request(_ ref: String? = nil, after: [String] = [], afterAny: [String] = []) -> RequestLinks {
    var links = RequestLinks(JobRequest())
    links.ref = ref
    if !after.isEmpty { links.after = after.map(JobReference.ref) }
    if !afterAny.isEmpty { links.afterAny = afterAny.map(JobReference.ref) }
    return links
  }

  @Test("without a ref there is no graph")
  func none() throws {
    var plain = request()
    plain.after = [.id(JobID(3))]
    #expect(try RequestGraph([plain, request()]) == nil)
  }

  @Test("refs become earlier places, forward ones too, and the order stays where it may")
  func places() throws {
    let graph = try #require(
      try RequestGraph([
        request("a"), request(after: ["d"]), request("c"), request("d", after: ["a", "c"], afterAny: ["c"]),
        request(afterAny: ["a", "a"]),
      ]))
    #expect(graph.order == [0, 2, 3, 1, 4])
    #expect(graph.after == [[], [], [0, 1], [2], []])
    #expect(graph.afterAny == [[], [], [], [], [0]], "one that is named in both ways is an after")
  }

  @Test("a ref that two have, one that none has, and a circle are refused at their line, by name")
  func flaws() {
    func flaw(_ requests: [RequestLinks]) -> RequestGraph.Flaw? {
      do throws(RequestGraph.Flaw) { _ = try RequestGraph(requests) } catch { return error }
      return nil
    }
    #expect(flaw([request("a"), request("a")])?.index == 1)
    #expect(flaw([request("a"), request("a")])?.value.field == "ref")
    let unknown = flaw([request("a"), request(afterAny: ["b"])])
    #expect(unknown?.index == 1 && unknown?.value.field == "after_any")
    #expect(unknown?.value.message == "no line of this body has the ref \"b\"")
    #expect(flaw([request("a", after: ["a"])])?.value.message.hasSuffix("in a circle: \"a\" → \"a\"") == true)
    let circle = flaw([
      request("x", after: ["a"]), request("a", afterAny: ["b"]), request("b", after: ["c"]), request("c", after: ["a"]),
    ])
    #expect(circle?.index == 1 && circle?.value.field == "after_any")
    #expect(circle?.value.message.hasSuffix("\"a\" → \"b\" → \"c\" → \"a\"") == true)
  }

  @Test("a chain of 100,000 lines, named backwards or forwards, is no recursion")
  func deep() throws {
    let count = 100_000
    let backward = try #require(
      try RequestGraph((0..<count).map { request("\($0)", after: $0 > 0 ? ["\($0 - 1)"] : []) }))
    #expect(backward.order == Array(0..<count))
    let forward = try #require(
      try RequestGraph((0..<count).map { request("\($0)", after: $0 < count - 1 ? ["\($0 + 1)"] : []) }))
    #expect(forward.order == (0..<count).reversed())
    #expect(throws: RequestGraph.Flaw.self) {
      try RequestGraph((0..<count).map { self.request("\($0)", after: ["\(($0 + 1) % count)"]) })
    }
  }

  @Test("of thousands of random bodies each is put in an order that its edges allow, or has a circle")
  func random() throws {
    let seed = testSeed()
    var random = SplitMix(seed: seed)
    var circles = 0
    for _ in 0..<3000 {
      let count = Int.random(in: 1...9, using: &random)
      var edges: [[Int]] = []
      for index in 0..<count {
        // Mostly backward, so that not all of them are circles.
        let reach = Int.random(in: 0..<4, using: &random) == 0 ? count : index
        edges.append(
          reach == 0
            ? [] : (0..<Int.random(in: 0...2, using: &random)).map { _ in Int.random(in: 0..<reach, using: &random) })
      }
      let requests = edges.enumerated().map { request("\($0.offset)", after: $0.element.map { "\($0)" }) }
      // By taking away what waits for nothing, again and again, what is left is circles and what hangs on them.
      var left = Set(0..<count)
      while let free = left.first(where: { index in edges[index].allSatisfy { !left.contains($0) } }) {
        left.remove(free)
      }
      do {
        let graph = try #require(try RequestGraph(requests))
        #expect(left.isEmpty, "seed \(seed)")
        #expect(graph.order.sorted() == Array(0..<count), "seed \(seed)")
        for (place, index) in graph.order.enumerated() {
          #expect(Set(graph.after[place].map { graph.order[$0] }) == Set(edges[index]), "seed \(seed)")
          #expect(graph.after[place].allSatisfy { $0 < place }, "seed \(seed)")
        }
      } catch let flaw as RequestGraph.Flaw {
        circles += 1
        #expect(left.contains(flaw.index), "seed \(seed)")
      }
    }
    #expect((100...2900).contains(circles), "seed \(seed): \(circles) circles prove little")
  }
}
