import JobModel
import JobStore
import Testing

@Suite struct FaultTests {
  @Test(
    "what the store's own rules refuse is told as a fault, not as storage that fails: nobody waits for it to pass",
    arguments: Engine.all)
  func fault(_ engine: Engine) async throws {
    try await engine.withStore { store in
      // No request gets that far: the model refuses such a mask.
      let wrong = JobSpec.command { $0.umask = 0o10000 }
      let error = await refusal { try await store.add(wrong) }
      #expect(error?.code == .fault)
      #expect(error?.message.contains("nothing was changed") == true)
      #expect(await refusal { _ = try await store.enqueue([.command(), wrong], at: .start) }?.code == .fault)
      #expect(try await store.overview().counts == StateCounts())
      try await store.probe()
      let id = try await store.add()
      #expect(try await store.state(id) == .queued)
    }
  }
}
