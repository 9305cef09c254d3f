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
      var tasks: [(isCancelled: Bool, task: Task<Bool, Never>)] = []
      let begins = Int.random(in: 0..<20, using: &random)
      for step in 0..<20 {
        if step == begins { board.open(key, streams: [.combined]) }
        let offset = Int64.random(in: 0..<20, using: &random)
        let task = Task { [key] in
          await board.waitForBegin(key)
          return await board.wait(key, .combined, beyond: offset)
        }
        tasks.append((Bool.random(using: &random), task))
        if Bool.random(using: &random) { await Task.yield() }
        if step > begins { board.grew(key, .combined, to: Int64(step)) }
      }
      board.grew(key, .combined, to: 20)
      let last = Task { [key] in await board.wait(key, .combined, beyond: 20) }
      for waiter in tasks where waiter.isCancelled { waiter.task.cancel() }
      for waiter in tasks where !waiter.isCancelled { #expect(await waiter.task.value) }
      for waiter in tasks where waiter.isCancelled { _ = await waiter.task.value }
      board.close(key)
      #expect(await !last.value)
    }
  }

  @Test(
    "A stream that an attempt does not have is not waited for, nor output after the end; a beginning is, until cancelled"
  )
  func unknown() async {
    let board = OutputBoard()
    let early = Task { [key] in await board.waitForBegin(key) }
    board.open(key, streams: [.stdout, .stderr])
    await early.value
    await board.waitForBegin(key)
    #expect(await !board.wait(key, .combined, beyond: 0))
    board.close(key)
    #expect(await !board.wait(key, .stdout, beyond: 0))
    let late = Task { [key] in await board.waitForBegin(key) }
    late.cancel()
    await late.value
  }
}
