import JobModel
import JobStore
import Supervisor
import Testing

@Suite("Which schedules are due")
struct ScheduleBookTests {
  private func stored(_ name: String, _ revision: Int64, due: Int64?, timezone: String = "UTC") throws -> StoredSchedule
  {
    let definition = ScheduleDefinition(
      name: name, source: .api, expression: try CronExpression("@every 1s"), timezone: timezone, job: JobRequest())
    return StoredSchedule(
      definition: definition, revision: revision, paused: due == nil, createdAt: at(0), anchor: at(0), lastDue: nil,
      nextDue: due.map(at))
  }

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

  @Test("what is due is given once, in order, until it has been dealt with")
  func takes() throws {
    var book = ScheduleBook()
    book.put(try stored("b", 1, due: 5), zone: .utc)
    book.put(try stored("a", 2, due: 3), zone: .utc)
    book.put(try stored("paused", 3, due: nil), zone: .utc)
    book.put(try stored("lost", 4, due: 1), zone: nil)
    #expect(book.next == at(3))
    #expect(book.takeDue(at: at(2)).isEmpty)
    #expect(book.takeDue(at: at(5)).map(\.schedule.name) == ["a", "b"])
    #expect(book.takeDue(at: at(5)).isEmpty && book.next == nil)
    book.done("a", try stored("a", 5, due: 6))
    #expect(book.next == at(6))
    book.done("b", nil)
    #expect(book.takeDue(at: at(9)).map(\.schedule.revision) == [5])
  }

  @Test("what could not be dealt with waits until it is tried again or changed")
  func stalls() throws {
    var book = ScheduleBook()
    book.put(try stored("a", 1, due: 3), zone: .utc)
    _ = book.takeDue(at: at(3))
    book.stall("a")
    #expect(book.next == nil && book.takeDue(at: at(9)).isEmpty)
    book.loosen()
    #expect(book.next == at(3))
    #expect(book.takeDue(at: at(9)).count == 1)
    book.stall("a")
    book.put(try stored("a", 2, due: 4), zone: .utc)
    #expect(book.takeDue(at: at(9)).count == 1)
    // What is being dealt with is not made due by a disk that is back.
    book.loosen()
    #expect(book.takeDue(at: at(9)).isEmpty)
  }

  @Test("an older state never takes the place of a newer one")
  func revisions() throws {
    var book = ScheduleBook()
    book.put(try stored("a", 7, due: 30), zone: .utc)
    book.put(try stored("a", 6, due: 10), zone: .utc)
    #expect(book.next == at(30))
    book.done("a", try stored("a", 5, due: 1))
    #expect(book.next == at(30))
    // Read before "b" was added and "c" removed.
    book.put(try stored("b", 9, due: 20), zone: .utc)
    book.put(try stored("c", 3, due: 2), zone: .utc)
    book.replace([(try stored("a", 8, due: 40), zone: .utc)])
    #expect(book.takeDue(at: at(99)).map(\.schedule.name) == ["a", "b"])
    // Of another zone it is due only once that zone is known.
    book.done("b", try stored("b", 10, due: 1, timezone: "Europe/Berlin"))
    #expect(book.next == nil)
    book.put(try stored("b", 10, due: 1, timezone: "Europe/Berlin"), zone: .utc)
    #expect(book.next == at(1))
  }

  @Test("schedules that have seen a later time are named, unless they are paused")
  func ahead() throws {
    var book = ScheduleBook()
    for (name, last, due) in [("a", 5, 6), ("b", 7, 8), ("c", 9, 10), ("d", 9, nil)] as [(String, Int64, Int64?)] {
      var schedule = try stored(name, 1, due: due)
      schedule.lastDue = at(last)
      book.put(schedule, zone: .utc)
    }
    #expect(book.ahead(of: at(7)) == ["c"] && book.ahead(of: at(4)) == ["a", "b", "c"] && book.ahead(of: at(9)) == [])
  }

  @Test("the bound of what was missed goes back with the clock, never forward by itself")
  func since() {
    var book = ScheduleBook()
    book.begin(at: at(100))
    #expect(book.since(at: at(200)) == at(100))
    #expect(book.since(at: at(50)) == at(50))
    #expect(book.since(at: at(200)) == at(50))
    book.begin(at: at(300))
    #expect(book.since(at: at(300)) == at(300))
  }
}
