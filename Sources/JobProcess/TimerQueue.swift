import HeapModule

/// Deadlines of one clock, the earliest first: at most one for each key. What is replaced or dropped stays in the
/// heap until it comes up,
/// but the heap is never more than twice as long as what is armed.
struct TimerQueue<Key: Hashable> {
  private struct Entry: Comparable {
    var deadline: UInt64
    var number: UInt64
    var key: Key

    static func < (left: Entry, right: Entry) -> Bool {
      (left.deadline, left.number) < (right.deadline, right.number)
    }
    static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
  }

  private var heap = Heap<Entry>()
  private var armed: [Key: (deadline: UInt64, number: UInt64)] = [:]
  private var number: UInt64 = 0

  func deadline(of key: Key) -> UInt64? { armed[key]?.deadline }

  mutating func arm(_ key: Key, at deadline: UInt64) {
    number += 1
    armed[key] = (deadline, number)
    heap.insert(Entry(deadline: deadline, number: number, key: key))
    compact()
  }

  mutating func disarm(_ key: Key) {
    armed[key] = nil
    compact()
  }

  /// When the next one is due.
  mutating func next() -> UInt64? {
    while let first = heap.min {
      if armed[first.key]?.number == first.number { return first.deadline }
      heap.removeMin()
    }
    return nil
  }

  /// Takes out the keys that are due, in the order of their deadlines.
  mutating func due(at now: UInt64) -> [Key] {
    var keys: [Key] = []
    while let deadline = next(), deadline <= now {
      let key = heap.removeMin().key
      armed[key] = nil
      keys.append(key)
    }
    return keys
  }

  private mutating func compact() {
    guard heap.count > 2 * armed.count + 64 else { return }
    heap = Heap(heap.unordered.filter { armed[$0.key]?.number == $0.number })
  }
}
