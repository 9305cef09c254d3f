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
      board.open(key, streams: [.combined])
      for step in 0..<20 {
        let offset = Int64.random(in: 0..<20, using: &random)
        tasks.append(
          (offset, Bool.random(using: &random), Task { [key] in await board.wait(key, .combined, beyond: offset) }))
        if Bool.random(using: &random) { await Task.yield() }
        if step > 0 { board.grew(key, .combined, to: Int64(step)) }
      }
      board.grew(key, .combined, to: 20)
      for waiter in tasks where waiter.isCancelled { waiter.task.cancel() }
      // The others have come before the end, and there is more than any of them waited for.
      for waiter in tasks where !waiter.isCancelled { #expect(await waiter.task.value) }
      for waiter in tasks where waiter.isCancelled { _ = await waiter.task.value }
      board.close(key)
      for waiter in tasks { waiter.task.cancel() }
      for waiter in tasks { _ = await waiter.task.value }
    }
  }

  @Test("What is not under way has no output to wait for; its begin can be waited for")
  func unknown() async {
    let board = OutputBoard()
    #expect(await !board.wait(key, .stdout, beyond: 0))
    let begun = Task { [key] in await board.waitForBegin(key) }
    let given = Task { [key] in await board.waitForBegin(AttemptKey(id: key.id, attempt: 2)) }
    board.open(key, streams: [.stdout, .stderr])
    await begun.value
    #expect(await !board.wait(key, .combined, beyond: 0))
    board.close(key)
    #expect(await !board.wait(key, .stdout, beyond: 0))
    given.cancel()
    await given.value
  }
}
