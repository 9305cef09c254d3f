// swift-tools-version: 6.2
import PackageDescription

/// The settings that every Swift target of ours is built with. Each line names the proposal that explains it.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),  // SE-0335
  .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
  .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
  .treatAllWarnings(as: .error),  // SE-0443
]

/// What `strict` leaves open where a target holds pointers: each unsafe use is marked (SE-0458).
let pointers = strict + [.strictMemorySafety()]

let package = Package(
  name: "jobq",
  products: [
    .executable(name: "jobqd", targets: ["jobqd"]),
    .executable(name: "jobq", targets: ["jobq"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Pure: jobs, states, transitions, policies, durations. No I/O, no clock.
    .target(name: "JobModel", swiftSettings: pointers),

    // Where a debug build may be told to die, for the crash laboratory. Empty in a release build.
    .target(
      name: "CrashPoints", swiftSettings: strict + [.define("CRASH_POINTS", .when(configuration: .debug))]),

    // Reads the system's time zones for the model.
    .target(name: "TimeZones", dependencies: ["JobModel"], swiftSettings: strict),

    // The store: a thin wrapper over SQLite's C API, and the engine that keeps jobs in it.
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    // A log file that is written in one call for each transaction.
    .target(name: "CSQLiteLog", dependencies: ["CSQLite"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(name: "SQLite", dependencies: ["CSQLite", "CSQLiteLog"], swiftSettings: pointers),
    .target(name: "JobStore", dependencies: ["CLinux", "CrashPoints", "JobModel", "SQLite"], swiftSettings: strict),

    // One attempt is one process tree.
    .target(name: "CJobProcess", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(
      name: "JobProcess",
      dependencies: [
        "CJobProcess", "CrashPoints", "JobModel",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ],
      swiftSettings: pointers),

    // Linux headers that Swift's Glibc module leaves out: timers and event counters.
    .target(name: "CLinux"),

    // The actor, its worker tasks and the pure scheduling core.
    .target(
      name: "Supervisor",
      dependencies: [
        "CLinux", "CrashPoints", "JobModel", "JobStore", "JobProcess",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),

    // HTTP/1.1 on the Unix socket.
    .target(
      name: "ControlServer",
      dependencies: [
        "CLinux", "JobModel", "JobProcess", "JobStore", "Supervisor",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ],
      swiftSettings: strict),

    // YAML as nodes with their lines, by the system's libyaml.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: pointers),

    // The daemon: configuration, logging, systemd, wiring.
    .target(
      name: "JobDaemon",
      dependencies: [
        "CLinux", "ControlServer", "CrashPoints", "JobModel", "JobProcess", "JobStore", "Supervisor", "TimeZones",
        "YAML",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .executableTarget(name: "jobqd", dependencies: ["JobDaemon"], swiftSettings: strict),

    // The command line: never links the server.
    .target(name: "ControlClient", dependencies: ["JobModel"], swiftSettings: pointers),
    .target(
      name: "JobCommands",
      dependencies: [
        "CLinux", "ControlClient", "JobModel", "TimeZones",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // With the C library in it too: half of what starting it costs is the search for symbols of shared libraries.
    .executableTarget(
      name: "jobq", dependencies: ["JobCommands"], swiftSettings: strict,
      linkerSettings: [
        .unsafeFlags(
          ["-static-executable", "-l_FoundationCollections", "-l_FoundationCShims"],
          .when(platforms: [.linux], configuration: .release))
      ]),

    .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
    .testTarget(
      name: "JobModelTests", dependencies: ["JobModel", "SeededRandom", "TimeZones"], exclude: ["schedule_oracle.py"],
      swiftSettings: strict),
    // Counts the syncs that SQLite asks for.
    .target(name: "CSyncCount", path: "Tests/CSyncCount"),
    .testTarget(
      name: "JobStoreTests", dependencies: ["CSyncCount", "JobModel", "JobStore", "SQLite", "SeededRandom"],
      swiftSettings: strict),
    // Counts the allocations of a thread.
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .testTarget(
      name: "BudgetTests",
      dependencies: ["CAllocationCount", "JobCommands", "JobModel", "JobStore", "SQLite"], swiftSettings: strict),
    // A VFS between SQLite and the disk: power cuts and failing operations.
    .target(name: "CStorageShim", dependencies: ["CSQLite"], path: "Tests/CStorageShim"),
    .testTarget(
      name: "StorageFaultTests", dependencies: ["CStorageShim", "JobModel", "JobStore", "SeededRandom"],
      swiftSettings: strict),
    .testTarget(
      name: "JobProcessTests", dependencies: ["JobModel", "JobProcess", "SeededRandom"], swiftSettings: strict),
    .testTarget(
      name: "SupervisorTests", dependencies: ["CSyncCount", "SeededRandom", "Supervisor"], swiftSettings: strict),
    .testTarget(
      name: "ControlServerTests",
      dependencies: [
        "ControlServer", "JobModel", "JobProcess", "JobStore", "SeededRandom", "Supervisor",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "JobCommandsTests",
      dependencies: [
        "ControlClient", "JobCommands", "JobModel", "SeededRandom",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "JobDaemonTests", dependencies: ["JobDaemon", "SeededRandom", "TimeZones"], swiftSettings: strict),
    // The two programs as a user runs them, for real.
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "CLinux", "CrashPoints", "SQLite", "SeededRandom", "jobq", "jobqd", .product(name: "Yams", package: "Yams"),
      ],
      exclude: ["Crash/hang.py"], swiftSettings: strict),
  ]
)
