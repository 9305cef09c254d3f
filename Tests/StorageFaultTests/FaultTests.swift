import CStorageShim
import Foundation
import JobModel
import JobStore
import Testing

extension StorageTests {
  @Suite("Faults of single operations")
  struct Faults {
    enum Fault: Int32, CaseIterable {
      case full = 1
      case io = 2
      case sync = 3
    }

    @Test(
      "whichever operation fails, nothing acknowledged is lost, and work goes on once storage is back",
      arguments: Fault.allCases)
    func eachInTurn(fault: Fault) async throws {
      #expect(shim_register() == 0)
      let count = Int64(cases(60))
      var failures = 0
      for skip in 0..<count {
        try await withScratch { directory in
          shim_watch(directory)
          defer { shim_watch(nil) }
          let ledger = Ledger()
          let store = try await SQLiteJobStore.open(directory: directory)
          let workload = Workload(store: store, ledger: ledger)
          await workload.run(callers: 3, rounds: 2)
          let hasFailed = await failing(fault.rawValue, skip, of: store) { await workload.run(callers: 4, rounds: 3) }
          if hasFailed { failures += 1 }
          // Storage is back: the next calls find it so by themselves.
          try await store.probe()
          let id = try await store.enqueue([Workload.spec()], at: Workload.moment)[0].id
          ledger.acknowledge(id, .queued)
          #expect(try await ledger.fault(in: store, cutAt: .max) == nil, "\(fault), operation \(skip)")
          await store.close()
          let again = try await SQLiteJobStore.open(directory: directory)
          #expect(try await ledger.fault(in: again, cutAt: .max) == nil, "\(fault), operation \(skip), opened again")
          await again.close()
        }
      }
      #expect(failures > 0, "nothing has failed: the test is blind")
    }
  }
}
