import Foundation
import Glibc
import SeededRandom
import Testing

/// Many short jobs, with deaths of the daemon, cancels, holds and timeouts among them: nothing grows that should not.
/// `JOBQ_SOAK=200000` says how many jobs; `make soak` asks the release build for as many.
@Suite("Soak")
struct SoakTests {
  private static let jobs = ProcessInfo.processInfo.environment["JOBQ_SOAK"].flatMap { Int($0) }

  @Test(
    "over many jobs and deaths of the daemon its memory, descriptors, threads and write-ahead log stay flat, and the books balance",
    .enabled(if: jobs != nil, "make soak, or make crash-test"))
  func soak() async throws {
    let wanted = Self.jobs ?? 0
    var random = LabSettings.seed("soak")
    let place = try LabDaemon(config: "workers: 8\nshutdown_grace: 100ms\n")
    let brake = Flag()
    let load = try LabLoad(
      place, random: &random, LabClient.Manner(pause: 0...2000, usual: (.bare, 92), brake: brake))
    let connection = LabConnection(place.socket)
    var daemon = try await place.startToStay()
    var samples: [Sample] = []
    let begin = ContinuousClock.now
    var born = begin
    var (life, deaths, ended) = (Double.random(in: 4...15, using: &random), 0, 0)
    while ended < wanted {
      try await Task.sleep(for: .milliseconds(500))
      let counts = try connection.ask("GET", "/v1/status").body["counts"] as? [String: Int] ?? [:]
      ended = ["succeeded", "failed", "cancelled"].reduce(0) { $0 + (counts[$1] ?? 0) }
      // The clients are faster than /bin/true.
      brake.set((counts["queued"] ?? 0) > 1000)
      let now = ContinuousClock.now
      let age = (now - born) / .seconds(1)
      if let sample = Sample(place, daemon.pid, at: (now - begin) / .seconds(1), age: age, ended: ended, deaths: deaths)
      {
        samples.append(sample)
      }
      if age > life {
        await daemon.end(random.chance(80) ? SIGKILL : SIGTERM)
        daemon = try await place.startToStay()
        (born, deaths) = (ContinuousClock.now, deaths + 1)
        life = .random(in: 4...15, using: &random)
      }
    }
    brake.set()
    var books = LabBooks(place, try await load.stop())
    try books.balance()
    #expect(await daemon.end(SIGTERM).status == 0)
    try LabBooks.checkRemains(of: place)
    Self.judge(samples)
    let table = stride(from: 0, to: samples.count, by: samples.count / 20 + 1).map { samples[$0].line }
    LabSettings.say(([Sample.head] + table).joined(separator: "\n"))
    LabSettings.say("soak: \(books.totals), \(deaths) deaths or stops")
    place.remove()
  }

  /// The last third of the run holds no more than the first did, by daemons that have lived long enough to be settled.
  private static func judge(_ samples: [Sample]) {
    let settled = samples.filter { $0.age > 3 }
    let (first, last) = (settled.prefix(settled.count / 3), settled.suffix(settled.count / 3))
    guard !first.isEmpty else { return }
    func most(_ part: ArraySlice<Sample>, _ value: (Sample) -> Int) -> Int { part.map(value).max() ?? 0 }
    #expect(most(last) { $0.memory } <= most(first) { $0.memory } * 5 / 4 + 4096, "KiB of memory")
    #expect(most(last) { $0.descriptors } <= most(first) { $0.descriptors } + 32, "descriptors")
    #expect(most(last) { $0.threads } <= most(first) { $0.threads } + 4, "threads")
    #expect(most(samples[...]) { $0.log } <= 64 << 20, "bytes of the write-ahead log")
  }
}

/// What a daemon holds at one moment.
private struct Sample {
  let seconds: Double
  let age: Double
  let ended: Int
  let deaths: Int
  /// PSS in KiB.
  let memory: Int
  let descriptors: Int
  let threads: Int
  /// Bytes.
  let log: Int
  let database: Int

  /// Nil where it ended meanwhile.
  init?(_ place: LabDaemon, _ pid: pid_t, at seconds: Double, age: Double, ended: Int, deaths: Int) {
    let files = FileManager.default
    guard let rollup = Self.text("/proc/\(pid)/smaps_rollup"), let memory = Self.number("Pss:", in: rollup),
      let status = Self.text("/proc/\(pid)/status"), let threads = Self.number("Threads:", in: status),
      let descriptors = try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    else { return nil }
    func size(_ path: String) -> Int { (try? files.attributesOfItem(atPath: path)[.size] as? Int) ?? 0 }
    (self.seconds, self.age, self.ended, self.deaths) = (seconds, age, ended, deaths)
    (self.memory, self.descriptors, self.threads) = (memory, descriptors, threads)
    log = size(place.database + "-wal")
    database = size(place.database)
  }

  static let head = "    seconds  life      jobs deaths  PSS KiB  descr. threads   WAL KiB    database KiB"
  var line: String {
    func column(_ value: Int, _ width: Int) -> String {
      let text = "\(value)"
      return String(repeating: " ", count: max(width - text.count, 1)) + text
    }
    return column(Int(seconds), 11) + column(Int(age), 6) + column(ended, 10) + column(deaths, 7) + column(memory, 9)
      + column(descriptors, 8) + column(threads, 8) + column(log >> 10, 10) + column(database >> 10, 16)
  }

  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func number(_ name: String, in text: String) -> Int? {
    text.split(separator: "\n").first { $0.hasPrefix(name) }.flatMap { line in
      Int(line.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber })
    }
  }
}
