import Foundation
import Glibc
import Testing

@Suite("Hooks of the whole daemon")
struct HookTests {
  /// The lines of a file, once there are so many: nothing else tells of a hook's run.
  private func lines(_ path: String, atLeast count: Int) async throws -> [String] {
    let deadline = Date().addingTimeInterval(30)
    while Date() < deadline {
      let lines = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
      if lines.count >= count { return lines }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw TestFault("\(path) did not get \(count) lines")
  }

  private func config(_ hook: String) -> String {
    "workers: 2\nhooks: {failed: [sh, -c, '\(hook)', hook]}\n"
  }

  @Test("a hook that the daemon's kill -9 cut short is ended with it, and told again by the next")
  func killed() async throws {
    // In its first run it hangs with a child that left the session; $0 of the second is the same, the file is not.
    let hook = """
      f=${JOBQ_SOCKET%/*}; echo "$JOBQ_ID $JOBQ_OUTCOME $$ $(cat)" >> $f/told; \
      test -e $f/again || { setsid sleep 6161 & exec sleep 6161; }
      """
    try await TestDaemon.run(config: config(hook)) { daemon in
      let told = daemon.directory + "/told"
      let id = try await daemon.enqueue("--", "sh", "-c", "exit 9")
      let first = try await lines(told, atLeast: 1)[0].split(separator: " ", maxSplits: 3)
      #expect(first[0] == Substring(id) && first[1] == "failed")
      _ = FileManager.default.createFile(atPath: daemon.directory + "/again", contents: nil)
      try await daemon.crash()
      let all = try await lines(told, atLeast: 2)
      #expect(all.count == 2)
      let second = all[1].split(separator: " ", maxSplits: 3)
      #expect(second[0] == first[0] && second[3] == first[3], "the same job, word for word")
      let job = try #require(try JSONSerialization.jsonObject(with: Data(second[3].utf8)) as? [String: Any])
      #expect(job["exit_code"] as? Int == 9 && job["state"] as? String == "failed")
      let state = try? String(contentsOfFile: "/proc/\(first[2])/stat", encoding: .utf8)
      // Dead is dead, whether or not init has taken note of it yet.
      #expect(state == nil || state?.contains(") Z ") == true, "the first run is gone")
      // It has been told: another start tells nobody.
      _ = try await daemon.enqueue("true")
      try await daemon.crash()
      #expect(try await daemon.jobq("wait", try await daemon.enqueue("true")).status == 0)
      #expect(try await lines(told, atLeast: 2).count == 2)
    }
  }

  @Test("the jobs that end in a storm of kill -9 are all told of", .timeLimit(.minutes(10)))
  func storm() async throws {
    let hook = "echo $JOBQ_ID >> ${JOBQ_SOCKET%/*}/told"
    try await TestDaemon.run(config: config(hook)) { daemon in
      var ids: Set<String> = []
      for _ in 0..<4 {
        for _ in 0..<10 { ids.insert(try await daemon.enqueue("false")) }
        try await daemon.crash()
      }
      for id in ids { _ = try await daemon.jobq("wait", id, "--timeout", "600s") }
      var told: Set<String> = []
      let deadline = Date().addingTimeInterval(60)
      while told != ids, Date() < deadline { told = Set(try await lines(daemon.directory + "/told", atLeast: 1)) }
      #expect(told == ids)
    }
  }

  @Test("a reload takes hooks over; a bad one is refused and the old one stays")
  func reload() async throws {
    try await TestDaemon.run { daemon in
      let file = URL(fileURLWithPath: daemon.directory + "/jobq.yaml")
      let told = daemon.directory + "/told"
      try Data("hooks: {failed: [sh, -c, 'echo $JOBQ_ID >> \(told)']}\n".utf8).write(to: file)
      daemon.child.send(SIGHUP)
      try await daemon.logged("the configuration was reloaded")
      let id = try await daemon.enqueue("false")
      #expect(try await lines(told, atLeast: 1) == [id])
      try Data("hooks: {failed: page}\n".utf8).write(to: file)
      daemon.child.send(SIGHUP)
      try await daemon.logged("the one before stays in force")
      #expect(daemon.child.errors.contains("jobq.yaml:1: hooks.failed: a list of words"))
      let next = try await daemon.enqueue("false")
      #expect(try await lines(told, atLeast: 2) == [id, next])
    }
  }

  @Test("the mail example mails the job and its last words, and fails where the mailer does")
  func mail() async throws {
    let example =
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path + "/docs/examples/mail-on-failure"
    let wrapper = "PATH=\(Programs.directory):$PATH SENDMAIL=${JOBQ_SOCKET%/*}/sendmail exec \(example) ops@example.org"
    try await TestDaemon.run(config: "hooks: {failed: [sh, -c, '\(wrapper)']}\n") { daemon in
      let mailer = daemon.directory + "/sendmail"
      // Written once: a program that is written anew as others fork may be busy (ETXTBSY) when it is to run.
      let script = """
        #!/bin/sh
        if test -e \(daemon.directory)/down; then echo 'no route'; exit 75; fi
        echo "$@" >> \(daemon.directory)/args
        cat >> \(daemon.directory)/mail

        """
      try Data(script.utf8).write(to: URL(fileURLWithPath: mailer))
      chmod(mailer, 0o755)
      let id = try await daemon.enqueue("-q", "mail", "--", "sh", "-c", "echo the disk is gone; exit 3")
      let mail = try await lines(daemon.directory + "/mail", atLeast: 8)
      #expect(mail[0] == "To: ops@example.org")
      #expect(mail[1].hasSuffix("] job \(id) in queue mail: failed"))
      #expect(mail.contains("the disk is gone") && mail.last?.hasPrefix("{") == true)
      #expect(try await lines(daemon.directory + "/args", atLeast: 1) == ["-i -- ops@example.org"])
      try Data().write(to: URL(fileURLWithPath: daemon.directory + "/down"))
      _ = try await daemon.enqueue("false")
      try await daemon.logged("a hook failed")
      #expect(daemon.child.errors.contains("output=\"no route\""))
    }
  }
}

extension TestDaemon {
  /// Waits until the daemon has logged this.
  func logged(_ text: String) async throws {
    let deadline = Date().addingTimeInterval(30)
    while Date() < deadline {
      if child.errors.contains(text) { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw TestFault("the daemon did not say \"\(text)\": \(child.errors)")
  }
}
