import JobModel
import Testing

@testable import JobProcess

@Suite("The machine of an attempt's life") struct AttemptMachineTests {
  let terms = AttemptMachine.Terms(
    timeout: .seconds(60), killGrace: .seconds(10), leftoverGrace: .seconds(2), unkillableAfter: .seconds(30),
    abandonAfter: .seconds(5))

  func machine() -> AttemptMachine { AttemptMachine(terms) }

  @Test("A command that ends by itself and leaves nothing ends as it did")
  func plain() {
    var machine = machine()
    #expect(machine.handle(.started) == [.arm(.seconds(60))])
    #expect(machine.handle(.leaderEnded(LeaderEnd(way: .exited(3)))) == [.disarm, .check])
    #expect(machine.handle(.treeGone) == [.disarm, .finish(AttemptEnding(.failed, exitCode: 3))])
    #expect(machine.handle(.treeGone) == [])
  }

  @Test("What a leader leaves gets TERM, two seconds, KILL; the outcome stays the leader's")
  func leftovers() {
    var machine = machine()
    _ = machine.handle(.started)
    _ = machine.handle(.leaderEnded(LeaderEnd(way: .exited(0))))
    #expect(machine.handle(.treeRemains) == [.terminate, .arm(.seconds(2))])
    #expect(machine.handle(.cancel) == [])
    #expect(machine.handle(.timer) == [.kill, .arm(.seconds(30))])
    #expect(machine.handle(.treeGone) == [.disarm, .finish(AttemptEnding(.succeeded, exitCode: 0))])
  }

  @Test("A timeout keeps what the leader did under TERM")
  func timeout() {
    var machine = machine()
    _ = machine.handle(.started)
    #expect(machine.handle(.timer) == [.terminate, .arm(.seconds(10))])
    #expect(machine.handle(.leaderEnded(LeaderEnd(way: .killed(signal: 15)))) == [.check])
    #expect(machine.handle(.treeRemains) == [])
    let ending = AttemptEnding(.timedOut, signal: 15, error: "not done within its timeout of 1m")
    #expect(machine.handle(.treeGone) == [.disarm, .finish(ending)])
  }

  @Test("A tree that is gone before its leader's end is told waits for that")
  func goneFirst() {
    var machine = machine()
    _ = machine.handle(.started)
    _ = machine.handle(.cancel)
    #expect(machine.handle(.treeGone) == [])
    #expect(machine.handle(.leaderEnded(LeaderEnd(way: .exited(0)))) == [.check])
    #expect(machine.handle(.treeGone) == [.disarm, .finish(AttemptEnding(.cancelled, exitCode: 0))])
  }

  @Test("A leader that ended before the cancellation keeps its outcome")
  func endedFirst() {
    var machine = machine()
    _ = machine.handle(.started)
    _ = machine.handle(.leaderEnded(LeaderEnd(way: .exited(0))))
    #expect(machine.handle(.cancel) == [])
    #expect(machine.handle(.treeGone) == [.disarm, .finish(AttemptEnding(.succeeded, exitCode: 0))])
  }

  @Test("What outlives KILL is reported once, and waited for")
  func unkillable() {
    var machine = machine()
    _ = machine.handle(.started)
    _ = machine.handle(.cancel)
    _ = machine.handle(.timer)
    #expect(machine.handle(.timer) == [.reportUnkillable])
    #expect(machine.handle(.timer) == [])
    #expect(machine.handle(.leaderEnded(LeaderEnd(way: .killed(signal: 9)))) == [.check])
    #expect(machine.handle(.treeGone) == [.disarm, .finish(AttemptEnding(.cancelled, signal: 9))])
  }

  @Test("A stop lets go of what KILL does not end, at once where that is known")
  func abandon() {
    var known = machine()
    for event in [.started, .cancel, .timer, .timer] as [AttemptMachine.Event] { _ = known.handle(event) }
    #expect(known.handle(.stopping) == [.abandon])
    #expect(known.handle(.leaderEnded(LeaderEnd(way: .exited(0)))) == [])

    var killed = machine()
    for event in [.started, .cancel, .timer] as [AttemptMachine.Event] { _ = killed.handle(event) }
    #expect(killed.handle(.stopping) == [.hasten(.seconds(5))])
    #expect(killed.handle(.timer) == [.reportUnkillable, .abandon])

    var running = machine()
    _ = running.handle(.started)
    #expect(running.handle(.stopping) == [])
    _ = running.handle(.cancel)
    #expect(running.handle(.timer) == [.kill, .arm(.seconds(5))])
  }

  @Test("A limit of the grace holds for those to come and for those under way")
  func limit() {
    var later = machine()
    _ = later.handle(.started)
    #expect(later.handle(.limitGrace(.seconds(1))) == [])
    #expect(later.handle(.cancel) == [.terminate, .arm(.seconds(1))])

    var now = machine()
    _ = now.handle(.started)
    _ = now.handle(.cancel)
    #expect(now.handle(.limitGrace(.seconds(1))) == [.hasten(.seconds(1))])
  }

  @Test("In any order of events an attempt ends exactly once, never before its leader, and KILL follows TERM")
  func anyOrder() {
    var random = seeded("anyOrder")
    var ended = 0
    for _ in 0..<5000 {
      var machine = machine()
      var log: [AttemptMachine.Action] = machine.handle(.started)
      var leaderHasEnded = false
      for _ in 0..<Int.random(in: 1...25, using: &random) {
        var event: AttemptMachine.Event = .timer
        switch Int.random(in: 0..<8, using: &random) {
        case 0 where !leaderHasEnded:
          event = .leaderEnded(LeaderEnd(way: .exited(Int.random(in: 0...2, using: &random))))
          leaderHasEnded = true
        case 1, 2: event = .treeGone
        case 3: event = .treeRemains
        case 4: event = .cancel
        case 5: event = .limitGrace(.seconds(1))
        case 6: event = .stopping
        default: break
        }
        let actions = machine.handle(event)
        let finishes = actions.contains { if case .finish = $0 { true } else { false } }
        #expect(!finishes || leaderHasEnded)
        log += actions
      }
      let last = log.filter { action in
        switch action {
        case .finish, .abandon: true
        default: false
        }
      }
      #expect(last.count <= 1)
      ended += last.count
      if let kill = log.firstIndex(of: .kill) { #expect(log[..<kill].contains(.terminate)) }
      #expect(log.filter { $0 == .terminate }.count <= 1)
      #expect(log.filter { $0 == .kill }.count <= 1)
      #expect(log.filter { $0 == .reportUnkillable }.count <= 1)
    }
    #expect(ended > 1000)
  }
}
