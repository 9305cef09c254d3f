/// Which of the requests that wait become a transaction together, in order.
struct WritePlan {
  /// What is to be a transaction.
  struct Part {
    var requests: [WriteRequest]
    /// Each in a savepoint: one of them fails after it has changed something.
    var isGuarded = false
  }

  /// Above this weight a request is kept from holding up those that came with it.
  private static let heavy = 2_000
  /// Above this weight those that are synced are kept from holding up those that need not be.
  private static let light = 200

  private var parts: [Part] = []

  var isEmpty: Bool { parts.isEmpty }

  mutating func next() -> Part { parts.removeFirst() }

  /// To be done again, before all others.
  mutating func putBack(_ again: [Part]) { parts.insert(contentsOf: again, at: 0) }

  /// Those that came together. Those that need no sync go first.
  mutating func add(_ group: [WriteRequest]) {
    // Most often.
    if group.count == 1 { return parts.append(Part(requests: group)) }
    let free = group.filter { !$0.isSynced }
    let synced = group.filter { $0.isSynced && $0.weight <= Self.heavy }
    if synced.reduce(0, { $0 + $1.weight }) <= Self.light {
      append(free + synced)
    } else {
      append(free)
      append(synced)
    }
    for request in group where request.isSynced && request.weight > Self.heavy { append([request]) }
  }

  private mutating func append(_ requests: [WriteRequest]) {
    if !requests.isEmpty { parts.append(Part(requests: requests)) }
  }

  /// Those that a transaction can take besides what it has; the others are for later ones.
  mutating func takeLight(_ more: [WriteRequest], besides requests: [WriteRequest]) -> [WriteRequest] {
    var weight = requests.reduce(0) { $0 + min($1.weight, Self.heavy) }
    var light: [WriteRequest] = []
    var rest: [WriteRequest] = []
    for request in more {
      if request.weight <= Self.heavy - weight {
        weight += request.weight
        light.append(request)
      } else {
        rest.append(request)
      }
    }
    if !rest.isEmpty { add(rest) }
    return light
  }
}
