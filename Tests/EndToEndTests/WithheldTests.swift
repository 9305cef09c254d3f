import Foundation
import Glibc
import Testing

@Suite("Programs on a file system that does not answer")
struct WithheldTests {
  @Test("their timeout ends them, a cancel does, and a stop does not wait for them")
  func obeys() async throws {
    try await TestDaemon.run(config: "workers: 2\nshutdown_grace: 0s\n") { daemon in
      let path = daemon.directory + "/withheld"
      // By a process that has ended: what this one writes is open for a moment in each child that another test is just making,
      // and a lease is given on what nobody has open.
      #expect(await (try Child("/bin/cp", ["/bin/true", path], environment: [:])).wait().status == 0)
      let file = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(file) }
      // Whoever opens it waits until the lease is given up, which the kernel does 45 s after the first has come: F_SETSIG,
      // F_SETLEASE, fcntl(2). So each has one of its own.
      func withhold() {
        _ = fcntl(file, 1024, F_UNLCK)
        #expect(fcntl(file, 10, SIGWINCH) == 0 && fcntl(file, 1024, F_WRLCK) == 0)
      }

      withhold()
      let late = try await daemon.enqueue("--timeout", "300ms", "--kill-grace", "100ms", path)
      #expect(try await daemon.jobq("wait", late).status == 124)
      withhold()
      let cancelled = try await daemon.enqueue("--kill-grace", "100ms", path)
      #expect(try await daemon.jobq("cancel", cancelled).status == 0)
      #expect(try await daemon.jobq("wait", cancelled).status == 125)
      let other = try await daemon.enqueue("true")
      #expect(try await daemon.jobq("wait", other).status == 0)

      withhold()
      let left = try await daemon.enqueue("--kill-grace", "100ms", path)
      // Its process is being made, or is about to be.
      while try await daemon.job(left)["state"] as? String == "queued" {}
      let end = await daemon.stop()
      #expect(end.status == 0, "\(end.err)")
      _ = fcntl(file, 1024, F_UNLCK)
      try await daemon.restart()
      #expect(try await daemon.jobq("wait", left).status == 0)
      #expect(try await daemon.job(left)["attempt"] as? Int == 2, "the stop interrupted it")
    }
  }
}
