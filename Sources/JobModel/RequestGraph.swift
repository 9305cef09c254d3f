/// How the requests of one body depend on each other by their refs. A value, made in time proportional to its edges; a
/// chain may be as long as the body.
package struct RequestGraph: Sendable, Hashable {
  /// Why there is none: a value of one request, by its index.
  package struct Flaw: Error, Hashable, Sendable {
    package var index: Int
    package var value: InvalidValue
  }

  /// The indices of the requests, each after those that it depends on, else as they came.
  package private(set) var order: [Int] = []
  /// For each place in the order the earlier places that it is to run after, and after in any case.
  package private(set) var after: [[Int]] = []
  package private(set) var afterAny: [[Int]] = []

  /// Nil where no request has a ref or names one.
  /// - Throws: `Flaw` for a ref that two have, one that none has, and a circle.
  package init?(_ requests: [RequestLinks]) throws(Flaw) {
    guard requests.contains(where: \.usesRefs) else { return nil }
    let refs = try Self.refs(of: requests)
    var edges: [(after: [Int], afterAny: [Int])] = []
    edges.reserveCapacity(requests.count)
    for (index, request) in requests.enumerated() {
      let after = try Self.resolve(request.after, "after", refs, of: index)
      let isAfter = Set(after)
      edges.append(
        (after, try Self.resolve(request.afterAny, "after_any", refs, of: index).filter { !isAfter.contains($0) }))
    }
    order = try Self.sorted(edges.map { $0.after + $0.afterAny }, requests)
    var places = Array(repeating: 0, count: order.count)
    for (place, index) in order.enumerated() { places[index] = place }
    after = order.map { edges[$0].after.map { places[$0] } }
    afterAny = order.map { edges[$0].afterAny.map { places[$0] } }
  }

  private static func refs(of requests: [RequestLinks]) throws(Flaw) -> [String: Int] {
    var refs: [String: Int] = [:]
    for (index, request) in requests.enumerated() {
      guard let ref = request.ref else { continue }
      guard refs.updateValue(index, forKey: ref) == nil else {
        throw Flaw(index: index, value: InvalidValue("ref", "\"\(ref.printable)\" is the ref of an earlier line, too"))
      }
    }
    return refs
  }

  private static func resolve(_ references: [JobReference]?, _ field: String, _ refs: [String: Int], of index: Int)
    throws(Flaw) -> [Int]
  {
    guard let references else { return [] }
    var found: [Int] = []
    var seen: Set<Int> = []
    for case .ref(let ref) in references {
      guard let other = refs[ref] else {
        throw Flaw(index: index, value: InvalidValue(field, "no line of this body has the ref \"\(ref.printable)\""))
      }
      if seen.insert(other).inserted { found.append(other) }
    }
    return found
  }

  // MARK: Order

  private enum Mark { case new, open, done }

  /// Depth first, in the order in which the requests came, with a stack of our own: a chain is no recursion.
  private static func sorted(_ edges: [[Int]], _ requests: [RequestLinks]) throws(Flaw) -> [Int] {
    var order: [Int] = []
    order.reserveCapacity(edges.count)
    var marks = Array(repeating: Mark.new, count: edges.count)
    var path: [(index: Int, next: Int)] = []
    for start in edges.indices where marks[start] == .new {
      marks[start] = .open
      path.append((start, 0))
      while let (index, next) = path.last {
        guard next < edges[index].count else {
          marks[index] = .done
          order.append(index)
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let other = edges[index][next]
        switch marks[other] {
        case .done: break
        case .new:
          marks[other] = .open
          path.append((other, 0))
        case .open: throw circle(path.map(\.index), to: other, requests)
        }
      }
    }
    return order
  }

  /// Names the refs of a circle, as one is to run after the next, at the first of its lines.
  private static func circle(_ path: [Int], to start: Int, _ requests: [RequestLinks]) -> Flaw {
    let indices = path[(path.lastIndex(of: start) ?? 0)...]
    // Each is there because another one names it.
    var names = indices.map { "\"\((requests[$0].ref ?? "").printable)\"" }
    names.append(names[0])
    if names.count > 12 { names.replaceSubrange(6..<(names.count - 6), with: ["… \(names.count - 12) more …"]) }
    let first = indices.min() ?? start
    let field = requests[first].after?.contains { $0.ref != nil } == true ? "after" : "after_any"
    return Flaw(
      index: first,
      value: InvalidValue(field, "these wait for each other in a circle: \(names.joined(separator: " → "))"))
  }
}

/// What a request says of other requests: all that a graph is made of.
package struct RequestLinks: Sendable, Hashable {
  package var ref: String?
  package var after: [JobReference]?
  package var afterAny: [JobReference]?

  package init(_ request: borrowing JobRequest) {
    ref = request.ref
    after = request.after
    afterAny = request.afterAny
  }

  /// Whether it has a ref, or names one.
  package var usesRefs: Bool {
    ref != nil || after?.contains { $0.ref != nil } == true || afterAny?.contains { $0.ref != nil } == true
  }
}
