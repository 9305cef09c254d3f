import JobModel
import Testing

@testable import JobProcess

@Suite("Who waits for output") struct OutputBoardTests {
  let key = AttemptKey(id: JobID(1), attempt: 1)

  @Test("In whatever order they come, every waiter is answered once: by output, the end or its cancellation")
  func everyOrder() async {
    var random = seeded("OutputBoard")
    for _ in 0..<200 {
      let board = OutputBoard()
      var tasks: [(offset: Int64, isCancelled: Bool, task: Task<Bool, Never>)] = []
      let begins = Int.random(in: 0..<20, using: &random)
      for step in 0..<20 {
        if step == begins { board.open(key, streams: [.combined]) }
        let offset = Int64.random(in: 0..<20, using: &random)
        tasks.append(
          (offset, Bool.random(using: &random), Task { [key] in await board.wait(key, .combined, beyond: offset) }))
        if Bool.random(using: &random) { await Task.yield() }
        if step > begins { board.grew(key, .combined, to: Int64(step)) }
      }
      board.grew(key, .combined, to: 20)
      for waiter in tasks where waiter.isCancelled { waiter.task.cancel() }
      // The others must have come before the end, since who comes later waits for an attempt that is still to begin.
      for waiter in tasks where !waiter.isCancelled { #expect(await waiter.task.value) }
      for waiter in tasks where waiter.isCancelled { _ = await waiter.task.value }
      board.close(key)
      for waiter in tasks { waiter.task.cancel() }
      for waiter in tasks { _ = await waiter.task.value }
    }
  }

  @Test("A stream that an attempt does not have is not waited for, one that has not begun is")
  func unknown() async {
    let board = OutputBoard()
    let early = Task { [key] in await board.wait(key, .stdout, beyond: 0) }
    board.open(key, streams: [.stdout, .stderr])
    board.grew(key, .stdout, to: 1)
    #expect(await early.value)
    #expect(await !board.wait(key, .combined, beyond: 0))
    board.close(key)
    let late = Task { [key] in await board.wait(key, .stdout, beyond: 0) }
    late.cancel()
    #expect(await !late.value)
  }
}
