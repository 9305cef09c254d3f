import Synchronization
import Testing

@testable import JobStore

@Suite struct InboxTests {
  @Test("what a thread does ahead of its next message is kept where that is there in time")
  func inTime() throws {
    let inbox = Inbox<String>()
    var steps: [String] = []
    var pace = InboxPace(isClose: true, longest: .seconds(60))
    _ = inbox.post("message")
    let got = inbox.takeAll(&pace) {
      steps.append("ahead")
      return { steps.append("undone") }
    }
    #expect(got == ["message"] && steps == ["ahead"])
  }

  @Test("and is made undone before the thread sleeps", .timeLimit(.minutes(1)))
  func undone() async throws {
    let inbox = Inbox<String>()
    let steps = Mutex<[String]>([])
    let isUndone = Gate(count: 1)
    let isTaken = Gate(count: 1)
    try StoreThread.start("test") {
      var pace = InboxPace(isClose: true, longest: .milliseconds(20))
      let got = inbox.takeAll(&pace) {
        steps.withLock { $0.append("ahead") }
        return {
          steps.withLock { $0.append("undone") }
          isUndone.open()
        }
      }
      steps.withLock { $0 += got ?? ["closed"] }
      isTaken.open()
    }
    await isUndone.wait()
    _ = inbox.post("message")
    await isTaken.wait()
    #expect(steps.withLock { $0 } == ["ahead", "undone", "message"])
  }

  @Test("who has waited for long sleeps at once")
  func atOnce() throws {
    let inbox = Inbox<String>()
    var pace = InboxPace()
    _ = inbox.post("message")
    let got = inbox.takeAll(&pace) {
      Issue.record("it stays awake")
      return {}
    }
    #expect(got == ["message"])
  }
}
