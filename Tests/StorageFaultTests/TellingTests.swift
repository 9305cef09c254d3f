import CStorageShim
import Foundation
import JobModel
import JobStore
import Testing

extension StorageTests {
  @Suite("Faults while an ending is told in steps")
  struct Telling {
    @Test("a disk that is full in the middle of a long chain is looked at again, without anybody's asking")
    func goesOn() async throws {
      #expect(shim_register() == 0)
      try await withScratch { directory in
        shim_watch(directory)
        defer { shim_watch(nil) }
        let store = try await SQLiteJobStore.open(directory: directory, mostTold: 5)
        let chain = (0..<200).map { place in
          var spec = Workload.spec(hold: true)
          if place > 0 { spec.afterPlaces = [place - 1] }
          return spec
        }
        let first = try await store.enqueue(chain, at: Workload.moment)[0].id
        // The cancel itself is committed, and nothing after it.
        store.onCommit { _ in shim_fail(Int32(SHIM_FAIL_FULL), 0, -1) }
        _ = try await store.cancel(first, at: Workload.moment)
        let deadline = ContinuousClock.now + .seconds(30)
        while shim_seen() == 0, ContinuousClock.now < deadline { await Task.yield() }
        #expect(try await store.overview().counts[.cancelled] == 6)
        store.onCommit { _ in shim_fail(Int32(SHIM_FAIL_NONE), 0, 0) }
        shim_fail(Int32(SHIM_FAIL_NONE), 0, 0)
        // Only reads from here on. The first observer fails the disk again after each step: that too is mended.
        while try await store.overview().counts[.cancelled] < 200, ContinuousClock.now < deadline {
          try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await store.overview().counts[.cancelled] == 200)
        await store.close()
      }
    }
  }
}
