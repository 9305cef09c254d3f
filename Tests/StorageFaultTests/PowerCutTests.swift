import CStorageShim
import Foundation
import JobStore
import SeededRandom
import Testing

/// Everything in this target shares one shim, which watches one directory at a time.
@Suite("Storage that fails", .serialized)
struct StorageTests {}

extension StorageTests {
  @Suite("Power cuts")
  struct PowerCuts {
    @Test(
      "at every cut, whatever the disk kept of what was not synced, all that was acknowledged is there and nothing is corrupt"
    )
    func cuts() async throws {
      let faults = try await tryCuts(count: cases(400), logSyncs: .all)
      #expect(faults.count == 0, "\(faults.prefix(5))")
    }

    @Test(
      "the test has teeth: with synchronous=NORMAL, and on a disk that does not sync, it finds acknowledged jobs missing",
      arguments: [DiskImage.LogSyncs.beforeCheckpoints, .none])
    func teeth(logSyncs: DiskImage.LogSyncs) async throws {
      let faults = try await tryCuts(count: 60, logSyncs: logSyncs)
      #expect(faults.count > 0)
    }

    private func tryCuts(count: Int, logSyncs: DiskImage.LogSyncs) async throws -> [String] {
      let seed = testSeed()
      print("power cuts: seed \(seed), \(count) images")
      var random = SplitMix(seed: seed)
      return try await withScratch { directory in
        #expect(shim_register() == 0)
        shim_watch(directory)
        let ledger = Ledger()
        let store = try await SQLiteJobStore.open(directory: directory)
        var image = try DiskImage(of: directory, logSyncs: logSyncs)
        shim_record(1)
        await Workload(store: store, ledger: ledger).run(callers: 6, rounds: max(24, count / 20))
        await store.close()
        shim_record(0)
        shim_watch(nil)

        let total = shim_count()
        #expect(total > 100)
        // Cuts in order, so that the image is built once: each at an operation drawn by lot.
        let cuts = (0..<count).map { _ in Int.random(in: 0...total, using: &random) }.sorted()
        var done = 0
        var faults: [String] = []
        for (number, cut) in cuts.enumerated() {
          while done < cut {
            image.perform(shim_get(done))
            done += 1
          }
          let loss = DiskImage.Loss.allCases[number % DiskImage.Loss.allCases.count]
          let fault = try await withScratch { copy in
            try image.write(to: copy, loss: loss, using: &random)
            do throws(StoreError) {
              let survivor = try await SQLiteJobStore.open(directory: copy)
              let fault = try? await ledger.fault(in: survivor, cutAt: cut)
              await survivor.close()
              return fault ?? nil
            } catch {
              return "it does not open: \(error)"
            }
          }
          if let fault { faults.append("seed \(seed), cut at \(cut) of \(total), \(loss): \(fault)") }
        }
        return faults
      }
    }
  }
}
