// swift-tools-version: 6.2
import PackageDescription

/// The clients and the limits are C, so that what is measured is the queue and not its client. The orchestration is Python, beside them in `bench/`.
let strict: [CSetting] = [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"])]

/// SwiftPM links with swiftc, which names the Swift runtime: of no use to a C program, and a good part of its start. A static link leaves it out.
let bare: [LinkerSetting] = [.unsafeFlags(["-nostartfiles", "-static-executable"])]

let package = Package(
  name: "jobq-benchmarks",
  targets: [
    .target(name: "BenchSupport", cSettings: strict),

    // The physical limits.
    .executableTarget(name: "bench-append", dependencies: ["BenchSupport"], cSettings: strict, linkerSettings: bare),
    .executableTarget(name: "bench-spawn", dependencies: ["BenchSupport"], cSettings: strict, linkerSettings: bare),

    // Clients of jobq and its peers.
    .executableTarget(name: "bench-load", dependencies: ["BenchSupport"], cSettings: strict, linkerSettings: bare),
    .executableTarget(name: "bench-latency", dependencies: ["BenchSupport"], cSettings: strict, linkerSettings: bare),
    .executableTarget(name: "bench-worker", dependencies: ["BenchSupport"], cSettings: strict, linkerSettings: bare),

    // The job whose start is timed.
    .executableTarget(name: "bench-stamp", cSettings: strict, linkerSettings: bare),
  ]
)
