import CStorageShim
import JobModel
import JobStore
import SeededRandom
import Synchronization
import Testing

extension StorageTests {
  /// A due time, its fact and its job are one: whatever the disk does.
  @Suite("Schedules on storage that fails")
  struct Schedules {
    @Test(
      "whichever operation fails, each due time has one job, once storage is back", arguments: Faults.Fault.allCases)
    func eachInTurn(fault: Faults.Fault) async throws {
      #expect(shim_register() == 0)
      var failures = 0
      for skip in 0..<Int64(cases(40)) {
        try await withScratch { directory in
          shim_watch(directory)
          defer { shim_watch(nil) }
          let store = try await SQLiteJobStore.open(directory: directory)
          try await Ticking.add(to: store)
          try await Ticking.run(store, at: 1)
          let hasFailed = await failing(fault.rawValue, skip, of: store) {
            for second in 2...6 {
              do throws(StoreError) { try await Ticking.run(store, at: second) } catch {
                guard case .storage = error.code else {
                  Issue.record("an unexpected refusal: \(error)")
                  return
                }
              }
            }
          }
          if hasFailed { failures += 1 }
          try await store.probe()
          try await Ticking.run(store, at: 7)
          #expect(try await Ticking.fault(in: store, through: 7) == nil, "\(fault), operation \(skip)")
          await store.close()
          let again = try await SQLiteJobStore.open(directory: directory)
          #expect(try await Ticking.fault(in: again, through: 7) == nil, "\(fault), operation \(skip), opened again")
          await again.close()
        }
      }
      #expect(failures > 0, "nothing has failed: the test is blind")
    }

    @Test("at every power cut the facts and the jobs that are left belong together, and none that was told is missing")
    func cuts() async throws {
      let faults = try await tryCuts(count: cases(150), logSyncs: .all)
      #expect(faults.isEmpty, "\(faults.prefix(5))")
    }

    @Test("the test has teeth: without the syncs of the WAL it finds due times forgotten that had been told")
    func teeth() async throws {
      let faults = try await tryCuts(count: 40, logSyncs: .none)
      #expect(!faults.isEmpty)
    }

    private func tryCuts(count: Int, logSyncs: DiskImage.LogSyncs) async throws -> [String] {
      let seed = testSeed()
      print("power cuts of schedules: seed \(seed), \(count) images")
      var random = SplitMix(seed: seed)
      return try await withScratch { directory in
        #expect(shim_register() == 0)
        shim_watch(directory)
        let store = try await SQLiteJobStore.open(directory: directory)
        // The schedule itself is not what is looked at here: it is there from the beginning.
        try await Ticking.add(to: store)
        await store.close()
        let live = try await SQLiteJobStore.open(directory: directory)
        var image = try DiskImage(of: directory, logSyncs: logSyncs)
        shim_record(1)
        var told: [(second: Int, position: Int)] = []
        for second in 1...30 {
          try await Ticking.run(live, at: second)
          told.append((second, shim_count()))
        }
        await live.close()
        shim_record(0)
        shim_watch(nil)

        let total = shim_count()
        let cuts = (0..<count).map { _ in Int.random(in: 0...total, using: &random) }.sorted()
        var done = 0
        var faults: [String] = []
        for (number, cut) in cuts.enumerated() {
          while done < cut {
            image.perform(shim_get(done))
            done += 1
          }
          let loss = DiskImage.Loss.allCases[number % DiskImage.Loss.allCases.count]
          let least = told.last { $0.position <= cut }?.second ?? 0
          let fault = try await withScratch { copy in
            try image.write(to: copy, loss: loss, using: &random)
            do throws(StoreError) {
              let survivor = try await SQLiteJobStore.open(directory: copy)
              var fault = try? await Ticking.fault(in: survivor, through: nil, atLeast: least)
              // It goes on where it was, and gives each due time that is left its one job.
              if fault == nil {
                try await Ticking.run(survivor, at: 31)
                fault = try? await Ticking.fault(in: survivor, through: 31)
              }
              await survivor.close()
              return fault ?? nil
            } catch {
              return "it does not open, or run: \(error)"
            }
          }
          if let fault { faults.append("seed \(seed), cut at \(cut) of \(total), \(loss): \(fault)") }
        }
        return faults
      }
    }
  }
}

/// A schedule that is due each second, and gives a job each time, whatever happened before.
private enum Ticking {
  static func at(_ second: Int) -> Moment {
    let span = Int64(second) * 1000
    return Moment(wall: Workload.moment.wall + .milliseconds(span), boot: Workload.moment.boot + span)
  }

  static func add(to store: any JobStore) async throws {
    var definition = ScheduleDefinition(
      name: "tick", source: .api, expression: try CronExpression("@every 1s"), timezone: "UTC", job: JobRequest())
    definition.job.command = ["true"]
    definition.missed = .all
    definition.overlap = .queue
    _ = try await store.add(
      TimedSchedule(definition, zone: .utc), isReplacing: false, paused: nil, at: Workload.moment)
  }

  static func run(_ store: any JobStore, at second: Int) async throws(StoreError) {
    guard let stored = try await store.schedule("tick") else { return }
    let timing = TimedSchedule(stored.definition, zone: .utc).timing(from: stored.anchor)
    let spec: JobSpec
    do throws(InvalidValue) { spec = try stored.definition.spec(defaults: JobDefaults()) } catch { return }
    _ = try await store.runDue(
      "tick", revision: stored.revision, timing, spec, since: at(second).wall, random: { 0 }, at: at(second))
  }

  /// Says what is wrong; nil where nothing is.
  /// - Parameters:
  ///   - last: the second up to which each must have its job; nil for whatever there is.
  ///   - least: the second that must be there.
  static func fault(in store: any JobStore, through last: Int?, atLeast least: Int = 0) async throws -> String? {
    guard let schedule = try await store.schedule("tick") else { return "the schedule is gone" }
    let runs = try await store.runs(ofSchedule: "tick", limit: 1000)
    let seconds = runs.compactMap(\.dueAt).map { Int(($0 - at(0).wall).milliseconds / 1000) }
    let newest = seconds.first ?? 0
    guard seconds.reversed() == Array(1..<(newest + 1)) else { return "the due times are \(seconds)" }
    guard newest >= least else { return "second \(least) was told and is forgotten: \(newest) is the last" }
    guard last == nil || newest == last else { return "second \(newest) is the last, and not \(last ?? 0)" }
    guard schedule.nextDue == at(newest + 1).wall else {
      return "it goes on at \(schedule.nextDue?.rfc3339 ?? "never")"
    }
    let jobs = Set(runs.compactMap(\.jobID))
    guard jobs.count == runs.count else { return "\(runs.count) facts have \(jobs.count) jobs" }
    let total = try await store.overview().counts.total
    guard total == runs.count else { return "\(total) jobs are there for \(runs.count) facts" }
    for id in jobs where try await store.job(id) == nil { return "job \(id) is gone" }
    return nil
  }
}
