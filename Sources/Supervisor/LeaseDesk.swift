/// Who waits for leases, queue by queue, in the order in which they came: a plain value within `SchedulerCore`. It
/// knows neither what waits in the store nor the limits; it says who may look next, and who has looked in vain.
struct LeaseDesk: Sendable {
  /// One worker's request.
  struct Ask: Sendable {
    let ticket: UInt64
    let limit: Int
    /// Waits where there is nothing; else it is turned away.
    var isPatient: Bool
    /// How many it is looking for in the store just now; 0 while it waits.
    var looking = 0
    /// The line's news when it last looked; nil where it never did.
    var seen: UInt64?
    /// The number of its latest look.
    var look: UInt64 = 0
  }

  struct Line: Sendable {
    /// By ticket.
    var asks: [Ask] = []
    /// Counts the times that something may have come.
    var news: UInt64 = 0
    /// No more than so many jobs have come since those who wait looked in vain.
    var mayHave = 0

    /// The first that waits and has a reason to look.
    var next: Int? { asks.firstIndex { $0.looking == 0 && ($0.seen == nil || mayHave > 0) } }
    /// How many jobs are being looked for.
    var looking: Int { asks.reduce(0) { $0 + $1.looking } }
    func index(of ticket: UInt64) -> Int? { asks.firstIndex { $0.ticket == ticket } }
  }

  private(set) var lines: [String: Line] = [:]
  private var queues: [UInt64: String] = [:]
  /// Counts the looks.
  private(set) var looks: UInt64 = 0

  func queue(of ticket: UInt64) -> String? { queues[ticket] }

  /// The number of the oldest look that is under way.
  var oldestLook: UInt64? {
    lines.values.lazy.compactMap { $0.asks.lazy.filter { $0.looking > 0 }.map(\.look).min() }.min()
  }

  mutating func add(_ ask: Ask, to queue: String) {
    queues[ask.ticket] = queue
    lines[queue, default: Line()].asks.append(ask)
  }

  mutating func remove(_ ticket: UInt64) {
    guard let queue = queues.removeValue(forKey: ticket) else { return }
    lines[queue]?.asks.removeAll { $0.ticket == ticket }
    if lines[queue]?.asks.isEmpty == true { lines[queue] = nil }
  }

  /// A job of the queue may be there to be leased now.
  mutating func note(newJobIn queue: String) {
    guard let mayHave = lines[queue]?.mayHave else { return }
    lines[queue]?.news += 1
    if mayHave < .max { lines[queue]?.mayHave += 1 }
  }

  /// Anything may be there.
  mutating func noteAnything() {
    for queue in lines.keys { noteAnything(in: queue) }
  }

  mutating func noteAnything(in queue: String) {
    lines[queue]?.news += 1
    lines[queue]?.mayHave = .max
  }

  /// The ask at this place of the line goes to look for so many.
  mutating func look(_ index: Int, in queue: String, for count: Int) {
    guard var line = lines[queue] else { return }
    if line.asks[index].seen != nil, line.mayHave < .max { line.mayHave = max(0, line.mayHave - count) }
    looks += 1
    line.asks[index].look = looks
    line.asks[index].looking = count
    line.asks[index].seen = line.news
    lines[queue] = line
  }

  /// It has looked, and found so many. One that found any leaves; the others wait on, or look again where
  /// something may have come meanwhile.
  mutating func looked(_ ticket: UInt64, found: Int) {
    guard let queue = queues[ticket], var line = lines[queue], let index = line.index(of: ticket) else { return }
    let ask = line.asks[index]
    if found == 0, ask.seen == line.news {
      line.mayHave = 0
    } else if found < ask.looking {
      // There may be more: what is handed out at once is bounded by its size as well.
      line.mayHave = max(line.mayHave, 1)
    }
    line.asks[index].looking = 0
    lines[queue] = line
    if found > 0 { remove(ticket) }
  }

  mutating func makeImpatient(_ ticket: UInt64) {
    guard let queue = queues[ticket], let index = lines[queue]?.index(of: ticket) else { return }
    lines[queue]?.asks[index].isPatient = false
  }
}
