import Glibc
import JobModel
import Testing

@testable import JobProcess

@Suite("What becomes of the output", .serialized) struct OutputTests {
  @Test("Both streams are kept in the order written, or apart", arguments: Mode.available)
  func streams(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let script = "echo a; echo b >&2; echo c; echo d > /dev/stderr"
      let combined = stage.script(script)
      try await stage.expect(combined, writes: "a\nb\nc\nd\n")
      #expect(await stage.runner.logs.streams(combined.id, attempt: 1) == [.combined])

      let split = stage.script(script) { $0.splitOutput = true }
      #expect(await stage.run(split).outcome == .succeeded)
      let (out, err) = (try await stage.output(split, .stdout), try await stage.output(split, .stderr))
      #expect(out == "a\nc\n" && err == "b\nd\n")
      #expect(await stage.runner.logs.streams(split.id, attempt: 1) == [.stdout, .stderr])

      let silent = stage.plan(["true"])
      try await stage.expect(silent, writes: "")
      #expect(await stage.runner.logs.streams(silent.id, attempt: 1).isEmpty)
    }
  }

  @Test("Files are 0600 and directories 0700, and what is removed is gone with its directory")
  func permissions() async throws {
    try await Stage.with(.session) { stage in
      let plan = stage.script("yes | head -c 200000") { $0.logMax = 8192 }
      _ = await stage.run(plan)
      let shard = stage.directory + "/0"
      #expect(mode(stage.directory) == 0o700 && mode(shard) == 0o700 && mode("\(shard)/1.1.combined.tail") == 0o700)
      #expect(mode("\(shard)/1.1.combined") == 0o600)
      let other = stage.script("echo x")
      _ = await stage.run(other)
      await stage.runner.logs.remove([plan.id])
      #expect(await stage.runner.logs.streams(plan.id, attempt: 1).isEmpty)
      try await stage.expectKept(other, "x\n")
      await stage.runner.logs.remove([other.id])
      #expect(!System.exists(shard))
      // The shard is made again under the runner, which had it open.
      try await stage.expect(stage.script("echo y"), writes: "y\n")
    }
  }

  private func mode(_ path: String) -> UInt32 {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test("A log directory that is a link is refused")
  func link() throws {
    let path = "/tmp/jobq-test-link-\(getpid())"
    #expect(symlink("/tmp", path) == 0)
    defer { unlink(path) }
    #expect(throws: ProcessError.self) { try LogDirectory(path: path).prepare() }
  }

  @Test(
    "Of ten million bytes without a newline the first quarter and the newest three are kept, to the byte",
    arguments: Mode.available)
  func cap(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let size = 10_000_000
      let plan = stage.plan([
        "perl", "-e", "print pack('N', $_) for 0..\(size / 4 - 1)",
      ]) { $0.logMax = 65_536 }
      #expect(await stage.run(plan).outcome == .succeeded)
      func bytes(_ range: Range<Int>) -> [UInt8] {
        range.map { UInt8(truncatingIfNeeded: ($0 / 4) >> (8 * (3 - $0 % 4))) }
      }
      let tail = size - 3 * 16_384
      let marker = "\n[jobq: \(tail - 16_384) bytes of output are left out here]\n"
      let kept = try await stage.bytes(plan)
      #expect(kept == bytes(0..<16_384) + Array(marker.utf8) + bytes(tail..<size))

      let reader = stage.reader(plan)
      #expect(await reader.length == Int64(size))
      let inside = try await reader.read(from: Int64(tail) + 10, max: 5)
      #expect(inside.bytes == bytes(tail + 10..<tail + 15) && inside.next == Int64(tail) + 15)
      let beyond = try await reader.read(from: Int64(size) + 5, max: 5)
      #expect(beyond.bytes.isEmpty && beyond.next == Int64(size) + 5)
      let files = try System.names(in: System.openDirectory("\(stage.directory)/0/1.1.combined.tail"))
      #expect(files.count <= 4)
    }
  }

  @Test("The last lines are found, wherever the chunks lie and whether or not the last is ended")
  func tail() async throws {
    try await Stage.with(.session) { stage in
      let plan = stage.script("seq 1 50000; printf end") { $0.logMax = 100_000 }
      _ = await stage.run(plan)
      let reader = stage.reader(plan)
      for (lines, first) in [(1, "end"), (2, "50000\nend"), (3, "49999\n50000\nend")] {
        let offset = await reader.offset(ofLastLines: lines)
        let text = try await reader.read(from: offset, max: 100)
        #expect(String(decoding: text.bytes, as: UTF8.self) == first)
      }
      let far = try await reader.read(from: reader.offset(ofLastLines: 10_000), max: 6)
      #expect(String(decoding: far.bytes, as: UTF8.self) == "40002\n")
      #expect(await reader.offset(ofLastLines: 1_000_000) == 0)
      let length = await reader.length
      #expect(await reader.offset(ofLastLines: 0) == length)

      let ended = stage.script("seq 1 5")
      _ = await stage.run(ended)
      #expect(await stage.reader(ended).offset(ofLastLines: 2) == 6)
      #expect(await stage.reader(stage.script("true")).offset(ofLastLines: 3) == 0)
    }
  }

  @Test("A follower that keeps up gets every byte of a log that outgrows its cap many times", arguments: Mode.available)
  func follow(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      // Each line waits until the follower has read the one before.
      let turn = stage.directory + "/turn"
      try #require(mkfifo(turn, 0o600) == 0)
      defer { unlink(turn) }
      let plan = stage.plan([
        "perl", "-e",
        "$| = 1; open(T, '<', '\(turn)'); for (1..300) { print 'x' x 999, \"\\n\"; sysread(T, $_, 1) }",
      ]) { $0.logMax = 16_384 }
      let task = await stage.begin(plan)
      let gate = try System.open(turn, O_WRONLY)
      let reader = stage.reader(plan)
      var (bytes, offset) = ([UInt8](), Int64(0))
      for line in 1...300 {
        await stage.written(plan, Int64(line) * 1000)
        // A read ends where a segment does.
        while offset < line * 1000 {
          let chunk = try await reader.read(from: offset, max: 65_536)
          bytes += chunk.bytes
          offset = chunk.next
        }
        try System.write([1], to: gate)
      }
      #expect(bytes.count == 300_000 && bytes.allSatisfy { $0 == 0x78 || $0 == 0x0A })
      #expect(await task.value?.outcome == .succeeded)
    }
  }

  @Test("Who waits for output is woken by it, by the end, and by a cancellation", arguments: Mode.available)
  func waiting(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let turn = stage.directory + "/turn"
      try #require(mkfifo(turn, 0o600) == 0)
      defer { unlink(turn) }
      let plan = stage.script("exec 3< \(turn); echo one; read x <&3; echo two; read x <&3")
      let task = await stage.begin(plan)
      #expect(await !stage.runner.waitForOutput(plan.id, attempt: 1, stream: .stdout, beyond: 0))
      let gate = try System.open(turn, O_WRONLY)
      let runner = stage.runner
      let cancelled = Task { await runner.waitForOutput(plan.id, attempt: 1, stream: .combined, beyond: 1_000_000) }
      cancelled.cancel()
      #expect(await cancelled.value == false)

      for offset: Int64 in [0, 3] {
        #expect(await runner.waitForOutput(plan.id, attempt: 1, stream: .combined, beyond: offset))
      }
      let many = (0..<50).map { _ in
        Task { await runner.waitForOutput(plan.id, attempt: 1, stream: .combined, beyond: 4) }
      }
      try System.write("\n".utf8, to: gate)
      for waiter in many { #expect(await waiter.value) }
      let last = (0..<50).map { _ in
        Task { await runner.waitForOutput(plan.id, attempt: 1, stream: .combined, beyond: 8) }
      }
      try System.write("\n".utf8, to: gate)
      for waiter in last { #expect(await !waiter.value) }
      #expect(await task.value?.outcome == .succeeded)
      #expect(await !runner.waitForOutput(plan.id, attempt: 1, stream: .combined, beyond: 0))
    }
  }

  @Test(
    "A log that cannot be written harms no job: it goes on, and its ending says what was lost",
    arguments: Mode.available)
  func unwritable(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      // A file where the shard must be.
      try make(file: stage.directory + "/0", "", mode: 0o600)
      let plan = stage.script("yes | head -c 1000000; exit 3")
      let ending = await stage.run(plan)
      #expect(ending.outcome == .failed && ending.exitCode == 3)
      #expect(ending.error?.hasPrefix("1000000 bytes of its output could not be kept: ") == true)
      #expect(ending.error?.hasSuffix("(openat)") == true)
      unlink(stage.directory + "/0")
    }
  }

  @Test(
    "A disk that fills up under a job loses only what came meanwhile, and the log says how much",
    .enabled(if: getuid() == 0))
  func fullDisk() async throws {
    let place = "/tmp/jobq-test-full-\(getpid())"
    try make(directory: place)
    try #require(mount("tmpfs", place, "tmpfs", 0, "size=128k,mode=700") == 0)
    defer {
      umount2(place, Int32(MNT_DETACH))
      rmdir(place)
    }
    let logs = try LogDirectory(path: place)
    try await Stage.with(.session) {
      $0.logs = logs
    } _: { stage in
      let room = "\(place)/ballast"
      try make(file: room, String(repeating: "x", count: 65_536), mode: 0o600)
      // The job itself makes room for its last line, and waits for longer than a failed write is held against the disk.
      let plan = stage.script("yes | head -c 300000; rm \(room); sleep 1.1; echo last") { $0.logMax = 16 << 20 }
      let ending = await stage.run(plan)
      #expect(ending.outcome == .succeeded)
      #expect(ending.error?.contains("could not be kept: no space left on device") == true)
      let text = try await stage.output(plan)
      #expect(text.hasSuffix(" bytes of output are left out here]\nlast\n") && text.hasPrefix("y\ny\n"))
      #expect(await stage.reader(plan).length == 300_005)
    }
  }

  @Test("Who holds the pipe beyond the tree's end does not hold up the ending", arguments: Mode.available)
  func heldPipe(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let plan = stage.script("echo mine; sleep 0.2")
      let held = Box<Int32>(-1)
      let ending = await stage.runner.run(
        plan, started: { held.value = open("/proc/\($0.pid)/fd/1", O_WRONLY | O_CLOEXEC) }, unkillable: {})
      #expect(held.value >= 0)
      #expect(ending?.outcome == .succeeded)
      try await stage.expectKept(plan, "mine\n")
      close(held.value)
    }
  }

  @Test("A chatty job does not keep a quiet one's output back", arguments: Mode.available)
  func fair(_ mode: Mode) async throws {
    try await Stage.with(mode) { stage in
      let chatty = stage.plan(["yes"]) { $0.logMax = 1 << 20 }
      let loud = await stage.begin(chatty)
      await stage.written(chatty, 10_000_000)
      let clock = ContinuousClock()
      let start = clock.now
      for _ in 0..<10 { try await stage.expect(stage.script("echo quiet"), writes: "quiet\n") }
      #expect(clock.now - start < .seconds(100))
      loud.cancel()
      #expect(await loud.value?.outcome == .cancelled)
    }
  }
}

extension Stage {
  func expectKept(_ plan: AttemptPlan, _ text: String, at location: SourceLocation = #_sourceLocation) async throws {
    let kept = try await output(plan)
    #expect(kept == text, sourceLocation: location)
  }
}
