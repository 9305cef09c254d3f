import FoundationEssentials
import Glibc
import JobModel
import Synchronization
import Testing

@testable import JobProcess

@Suite("How an attempt starts", .serialized) struct StartTests {
  @Test("The exit code decides between succeeded and failed", arguments: Mode.available)
  func exitCodes(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      #expect(await stage.run(stage.plan(["true"])).outcome == .succeeded)
      let ending = await stage.run(stage.script("exit 75"))
      #expect(ending.outcome == .failed && ending.exitCode == 75 && ending.signal == nil && ending.error == nil)
    }
  }

  @Test("A signal that is not ours is told as such", arguments: Mode.available, [SIGTERM, SIGKILL, SIGSEGV])
  func signals(_ mode: Mode, _ signal: Int32) async throws {
    try await Stage.with(mode) { stage in
      let ending = await stage.run(stage.script("kill -\(signal) $$"))
      #expect(ending.outcome == .signaled && ending.signal == Int(signal) && ending.exitCode == nil)
    }
  }

  @Test("What it used is told", arguments: Mode.available)
  func usage(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let ending = await stage.run(stage.script("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"))
      #expect((ending.userSeconds ?? 0) > 0.01 && (ending.systemSeconds ?? -1) >= 0)
    }
  }

  @Test("The most memory it had is told where it is more than this process had, and never this process's own")
  func memory() async throws {
    try await Stage.with(.session) { stage in
      #expect(await stage.run(stage.plan(["true"])).maxRSSBytes == nil)
      let bytes = try #require(OwnPeak.read()) + 64 << 20
      let ending = await stage.run(stage.plan(["perl", "-e", "$_ = 'x' x \(bytes)"]))
      #expect((bytes...3 * bytes).contains(ending.maxRSSBytes ?? 0), "\(bytes): \(ending)")
      #expect(await stage.run(stage.plan(["true"])).maxRSSBytes == nil)
    }
  }

  @Test("A program that is not there is 127, any other failure 126, with the step and errno", arguments: Mode.available)
  func failures(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let missing = await stage.run(stage.plan(["no-such-program"]))
      #expect(missing.outcome == .spawnFailed && missing.exitCode == 127 && missing.errno == ENOENT)
      #expect(missing.error == "cannot run \"no-such-program\": no such file or directory (execve)")

      let denied = await stage.run(stage.plan(["/etc/passwd"]))
      #expect(denied.exitCode == 126 && denied.errno == EACCES)
      #expect(denied.error == "cannot run \"/etc/passwd\": permission denied (execve)")

      let directory = await stage.run(stage.plan(["true"]) { $0.cwd = "/no/such/place" })
      #expect(directory.outcome == .spawnFailed && directory.exitCode == 126 && directory.errno == ENOENT)
      #expect(directory.error == "cannot enter \"/no/such/place\": no such file or directory (chdir)")

      let endless = await stage.run(stage.plan(["true", String(repeating: "x", count: 200_000)]))
      #expect(endless.exitCode == 126 && endless.errno == E2BIG)

      #expect(await stage.run(stage.plan([])).outcome == .spawnFailed)
      #expect(await stage.run(stage.plan(["true", "a\0b"])).errno == EINVAL)
    }
  }

  @Test("Where a home cannot be entered, the job starts in /", arguments: Mode.available)
  func homeless(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      for (cwd, found) in [("/no/such/home", "/\n"), ("/usr", "/usr\n")] {
        try await stage.expect(stage.plan(["pwd"]) { ($0.cwd, $0.isCwdHome) = (cwd, true) }, writes: found)
      }
    }
  }

  @Test(
    "PATH is the job's own: what may not be run is passed over but remembered, and no shell runs what is no program")
  func path() async throws {
    try await Stage.with(.session) { stage in
      let place = stage.directory + "/path"
      // Not written by this process: what it has open for writing, others that fork have too, and cannot be run.
      let tools = """
        mkdir -p \(place)/denied \(place)/good \(place)/text
        printf '#!/bin/sh\\nexit 9\\n' > \(place)/denied/tool; chmod 600 \(place)/denied/tool
        printf '#!/bin/sh\\nexit 7\\n' > \(place)/good/tool; chmod 700 \(place)/good/tool
        printf 'exit 5\\n' > \(place)/text/tool; chmod 700 \(place)/text/tool
        """
      #expect(await stage.run(stage.script(tools)).outcome == .succeeded)
      func run(_ path: String) async -> AttemptEnding {
        await stage.run(stage.plan(["tool"]) { $0.env["PATH"] = path })
      }
      #expect(await run("/gone:\(place)/denied:\(place)/good").exitCode == 7)
      #expect(await run("\(place)/denied:/gone").errno == EACCES)
      #expect(await run("\(place)/text").errno == ENOEXEC)
      #expect(await run("/gone:/gone/too").exitCode == 127)
      // An empty element is the job's working directory.
      let here = stage.plan(["tool"]) {
        $0.env["PATH"] = ":/gone"
        $0.cwd = "\(place)/good"
      }
      #expect(await stage.run(here).exitCode == 7)
      _ = await stage.run(stage.plan(["rm", "-r", place]))
    }
  }

  @Test("The child's directory, umask and environment are exactly what was asked", arguments: Mode.available)
  func surroundings(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let place = stage.script("pwd; umask") {
        $0.cwd = "/usr/bin"
        $0.umask = 0o027
      }
      try await stage.expect(place, writes: "/usr/bin\n0027\n")
      let plan = stage.plan(["/usr/bin/env"]) {
        $0.env = ["PATH": "/bin:/usr/bin", "EMPTY": "", "TEXT": "a=b c", "JOBQ_MARK": "another's"]
        $0.attempt = 4
      }
      #expect(await stage.run(plan).outcome == .succeeded)
      let variables = try await stage.output(plan).split(separator: "\n").sorted()
      let mark = "JOBQ_MARK=\(stage.store)/\(plan.id)/4"
      #expect(variables == ["EMPTY=", Substring(mark), "PATH=/bin:/usr/bin", "TEXT=a=b c"])
    }
  }

  @Test("A child has no descriptor but 0, 1 and 2, whatever this process has open", arguments: Mode.available)
  func descriptors(_ mode: Mode) async throws {
    let extra = (0..<40).map { _ in open("/dev/null", O_RDONLY) }
    defer { for descriptor in extra { close(descriptor) } }
    try await Stage.with(mode) { stage in
      let plan = stage.plan(["ls", "/proc/self/fd"])
      // 3 is the directory that ls itself reads.
      try await stage.expect(plan, writes: "0\n1\n2\n3\n")
    }
  }

  @Test("A child blocks and ignores no signal, and leads a session and a group of its own", arguments: Mode.available)
  func signalState(_ mode: Mode) async throws {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGUSR1, SIG_IGN)
    signal(34, SIG_IGN)
    try await Stage.with(mode) { stage in
      let plan = stage.plan(["grep", "-E", "^(SigBlk|SigIgn|NSsid|NSpgid|Pid|PPid)", "/proc/self/status"])
      #expect(await stage.run(plan).outcome == .succeeded)
      var fields: [String: String] = [:]
      for line in try await stage.output(plan).split(separator: "\n") {
        let parts = line.split(separator: "\t")
        fields[String(parts[0])] = String(parts[1])
      }
      #expect(fields["SigBlk:"] == "0000000000000000" && fields["SigIgn:"] == "0000000000000000")
      #expect(fields["NSsid:"] == fields["Pid:"] && fields["NSpgid:"] == fields["Pid:"])
      #expect(fields["PPid:"] == String(getpid()))
    }
  }

  @Test("The limit of open files and the OOM score are as the daemon found them", arguments: Mode.available)
  func hostSettings(_ mode: Mode) async throws {
    let own = HostSettings.current()
    let found = HostSettings(openFiles: 123, outOfMemoryScore: own.outOfMemoryScore + 7)
    try await Stage.with(mode) {
      $0.inherited = found
    } _: { stage in
      let plan = stage.script("ulimit -Sn; cat /proc/self/oom_score_adj")
      try await stage.expect(plan, writes: "123\n\(found.outOfMemoryScore)\n")
    }
    #expect(HostSettings.current() == own)
  }

  @Test("Standard input is the data that was given, to its end, or nothing", arguments: Mode.available)
  func input(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let data = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
      let plan = stage.plan(["cat"]) {
        $0.stdin = data
        $0.logMax = 8 << 20
      }
      #expect(await stage.run(plan).outcome == .succeeded)
      let written = try await stage.bytes(plan)
      #expect(written == Array(data))
      let none = stage.script("wc -c; readlink /proc/self/fd/0")
      try await stage.expect(none, writes: "0\n/dev/null\n")
      // The data is the job's to read only.
      let write = stage.script("echo x >&0") { $0.stdin = Data([1]) }
      #expect(await stage.run(write).outcome == .failed)
    }
  }

  @Test("The start is told before the end, with what names the process for ever", arguments: Mode.available)
  func started(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("cut -d' ' -f1,22 /proc/$$/stat; cat /proc/sys/kernel/random/boot_id")
      let told = Box<StartedProcess?>(nil)
      let ending = await stage.runner.run(plan, started: { told.value = $0 }, unkillable: {})
      #expect(ending?.outcome == .succeeded)
      let process = try #require(told.value)
      let output = try await stage.output(plan)
      #expect(output == "\(process.pid) \(process.startTime)\n\(process.bootID)\n")
    }
  }

  @Test("A task that is cancelled already starts nothing", arguments: Mode.available)
  func cancelledBefore(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("echo here")
      let task = Task {
        while !Task.isCancelled { await Task.yield() }
        return await stage.run(plan)
      }
      task.cancel()
      let ending = await task.value
      #expect(ending.outcome == .cancelled && ending.exitCode == nil)
      let written = try await stage.bytes(plan)
      #expect(written.isEmpty)
    }
  }

  @Test("An attempt whose claim is still on its way is prepared, and runs when that is safe", arguments: Mode.available)
  func waitsForFate(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("echo here")
      let fate = CommitFate()
      let hasStarted = Box(false)
      let task = Task {
        await stage.runner.run(plan, after: fate, started: { _ in hasStarted.value = true }, unkillable: {})
      }
      await stage.runner.waitForBegin(plan.id, attempt: 1)
      // Another that has nothing to wait for overtakes it.
      try await stage.expect(stage.script("echo other"), writes: "other\n")
      #expect(!hasStarted.value)
      fate.decide(true)
      #expect(await task.value?.outcome == .succeeded)
      #expect(hasStarted.value)
      try await #expect(stage.output(plan) == "here\n")
    }
  }

  @Test(
    "One whose claim never is safe leaves nothing, and so does one that is cancelled before", arguments: Mode.available)
  func neverSafe(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      for (isSafe, isCancelled) in [(false, false), (true, true), (false, true)] {
        for command in [["sh", "-c", "echo here"], ["/nowhere"]] {
          let plan = stage.plan(command)
          let fate = CommitFate()
          let task = Task {
            await stage.runner.run(
              plan, after: fate, started: { _ in Issue.record("it was started") }, unkillable: {})
          }
          await stage.runner.waitForBegin(plan.id, attempt: 1)
          if isCancelled { task.cancel() }
          fate.decide(isSafe)
          let ending = await task.value
          #expect(ending?.outcome == (isSafe ? .cancelled : nil) || (isCancelled && ending?.outcome == .cancelled))
          let written = try await stage.bytes(plan)
          #expect(written.isEmpty)
        }
      }
    }
  }

  @Test(
    "A parent cgroup that was removed while it was empty is made again", .enabled(if: Mode.available.contains(.cgroup)))
  func removedParent() async throws {
    try await Stage.with(.cgroup) { stage in
      try await stage.expect(stage.script("echo a"), writes: "a\n")
      try System.removeDirectory(stage.runner.containmentNote)
      for _ in 0..<2 { try await stage.expect(stage.script("echo b"), writes: "b\n") }
    }
  }

  @Test(
    "Where the kernel has no clone3 a child joins its cgroup before exec, and all else is the same",
    .enabled(if: Mode.available.contains(.cgroup)))
  func withoutClone3() async throws {
    let store = UUID().uuidString.lowercased()
    let found = try CgroupParent.find(given: nil, store: store)
    defer { found.remove() }
    let parent = CgroupParent(path: found.path, directory: found.directory, bearsChildren: false)
    let spawner = try Spawner(
      threads: 1, store: store, cgroups: parent, outOfMemory: OutOfMemoryCounter(cgroup: nil), bootID: "b",
      null: try System.open("/dev/null", O_RDONLY), inherited: .current(), isToldOfDeaths: false)
    let plan = AttemptPlan(
      id: JobID(1), attempt: 1, command: ["cat", "/proc/self/cgroup"], cwd: "/", env: ["PATH": "/bin"], umask: 0,
      stdin: nil, timeout: nil, killGrace: .zero, splitOutput: false, logMax: 4096)
    let handed = Box<SpawnedAttempt?>(nil)
    _ = await withCheckedContinuation { continuation in
      let launch = Launch(serial: 1, plan: plan, started: { _ in }, unkillable: {}, continuation: continuation)
      spawner.submit(
        launch, Cancellation(),
        Spawner.Listener(
          hand: { spawned in
            handed.value = spawned
            spawned.launch.end(nil)
          },
          failed: { launch, ending in launch.end(ending) }))
    }
    let child = try #require(handed.value)
    var entry = pollfd(fd: child.descriptor.raw, events: Int16(POLLIN), revents: 0)
    #expect(poll(&entry, 1, 10_000) == 1)
    let text = String(decoding: try System.read(child.outputs[0].pipe, max: 4096), as: UTF8.self)
    #expect(text.contains("0::") && text.contains("\(store).1.1\n"))
    Kernel.reap(child.descriptor)
    #expect(child.cgroup?.remove() == true)
  }
}

func make(directory: String) throws {
  var path = ""
  for part in directory.split(separator: "/") {
    path += "/\(part)"
    if !System.exists(path) { try System.makeDirectory(path, mode: 0o755) }
  }
}

func make(file: String, _ text: String, mode: mode_t) throws {
  let descriptor = try System.open(file, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
  try System.write(text.utf8, to: descriptor)
}

/// A value that callbacks of other threads set.
final class Box<Value: Sendable>: Sendable {
  private let storage: Mutex<Value>
  init(_ value: Value) { storage = Mutex(value) }
  var value: Value {
    get { storage.withLock { $0 } }
    set { storage.withLock { $0 = newValue } }
  }
}
