import JobModel
import Synchronization
import Testing

@testable import Supervisor

@Suite struct ChangeInboxTests {
  private final class Bell: Sendable {
    private let count = Atomic(0)
    var rings: Int { count.load(ordering: .relaxed) }
    func ring() { count.add(1, ordering: .relaxed) }
  }

  private func end(_ id: Int64, isReported: Bool) -> JobChange {
    var change = JobChange(
      id: JobID(id), queue: "q", from: .running, to: .succeeded, attempt: 1, at: Timestamp(milliseconds: 0),
      outcome: .succeeded)
    change.isReported = isReported
    return change
  }

  @Test("the end of a lease rings, unless whoever asked for it tells of it: then it is there for who looks next")
  func leases() {
    let bell = Bell()
    let inbox = ChangeInbox(ChangeConcern(arrivals: false, leases: true)) { bell.ring() }
    inbox.put([end(1, isReported: true)])
    #expect(bell.rings == 0)
    inbox.put([end(2, isReported: false)])
    #expect(bell.rings == 1)
    #expect(inbox.takeAll().map(\.id) == [JobID(1), JobID(2)])
  }

  @Test("it rings once for what nobody has looked at, and again for what comes after a look")
  func once() {
    let bell = Bell()
    let inbox = ChangeInbox(ChangeConcern(arrivals: false, leases: false)) { bell.ring() }
    inbox.put([end(1, isReported: false)])
    #expect(bell.rings == 0)
    inbox.set(ChangeConcern(arrivals: false, leases: true))
    inbox.put([end(2, isReported: false)])
    #expect(bell.rings == 1, "what waited already counts")
    #expect(inbox.takeAll().count == 2)
    inbox.put([end(3, isReported: false)])
    #expect(bell.rings == 2)
  }
}
