import Foundation
import Testing

/// Each shell is asked as a person asks it, with the script that `make install` puts where the shell looks for it.
@Suite("Completions in the shells themselves")
struct CompletionTests {
  private static func isThere(_ shell: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/\(shell)")
  }

  /// Runs a script of the shell in a directory with the completions in it, and gives what it printed.
  private func run(_ shell: String, _ arguments: [String], _ script: String) async throws -> String {
    let directory = NSTemporaryDirectory() + "jobq-completions-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let generated = try await Child(Programs.jobq, ["--generate-completion-script", shell], environment: [:]).wait()
    try Data(generated.out.utf8).write(to: URL(fileURLWithPath: directory + "/_jobq"))
    try Data(script.utf8).write(to: URL(fileURLWithPath: directory + "/script"))
    let finished = try await Child(
      "/usr/bin/timeout", ["--kill-after=5", "600", "/usr/bin/\(shell)"] + arguments + ["script"],
      environment: ["PATH": "\(Programs.directory):/usr/bin:/bin", "HOME": directory, "TERM": "xterm"],
      directory: directory
    ).wait()
    #expect(finished.status == 0, "\(finished)")
    return finished.out
  }

  @Test("bash offers verbs, options and their values", .enabled(if: isThere("bash")))
  func bash() async throws {
    let out = try await run(
      "bash", ["--norc"],
      #"""
      source ./_jobq
      # What bash does at a Tab at the end of the line, complete(1) and "Programmable Completion" in bash(1).
      ask() {
        COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
        read -ra COMP_WORDS <<<"$1"
        [[ $1 != *' ' ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        local function
        function=$(complete -p jobq | sed 's/.* -F \([^ ]*\) .*/\1/')
        "$function" jobq "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        echo "$1: ${COMPREPLY[*]}"
      }
      ask "jobq enq"
      ask "jobq enqueue --on-int"
      ask "jobq enqueue --on-interrupt "
      ask "jobq list --st"
      """#)
    #expect(
      out == """
        jobq enq: enqueue
        jobq enqueue --on-int: --on-interrupt
        jobq enqueue --on-interrupt : retry fail hold
        jobq list --st: --state

        """)
  }

  @Test("fish offers verbs, options and their values, with what they are for", .enabled(if: isThere("fish")))
  func fish() async throws {
    let out = try await run(
      "fish", ["--no-config"],
      """
      source ./_jobq
      for line in "jobq enq" "jobq enqueue --on-int" "jobq enqueue --on-interrupt " "jobq list --st"
        complete -C $line
      end
      """)
    let lines = out.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.map { $0.first } == ["enqueue", "--on-interrupt", "retry", "fail", "hold", "--state"])
    #expect(lines.first?.last == "Add a job, and print its number.")
  }

  @Test("zsh completes verbs and options, and lists their values", .enabled(if: isThere("zsh")))
  func zsh() async throws {
    // An interactive shell on a terminal of its own, zshmodules(1): completion there is part of the line editor.
    let out = try await run(
      "zsh", ["-f"],
      #"""
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "fpath=($PWD \$fpath); autoload -U compinit; compinit -u -D; print 'set''up'"
      zpty -r -m shell out '*setup*' || exit 1
      zpty -w -n shell $'jobq enq\t'
      zpty -r -m shell out '*enqueue*' || exit 2
      zpty -w -n shell $'--on-int\t'
      zpty -r -m shell out '*on-interrupt*' || exit 3
      zpty -w -n shell $'\t\t'
      zpty -r -m shell out '*retry*  *fail*  *hold*' || exit 4
      zpty -d shell
      print done
      """#)
    #expect(out == "done\n")
  }
}
