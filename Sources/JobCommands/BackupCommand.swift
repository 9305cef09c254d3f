import ArgumentParser
import ControlClient
import Glibc
import JobModel

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write a copy of the whole queue to a file, while it works on.",
    discussion: """
      The copy is the database as of one moment: every job, with its attempts and its environment; the output of jobs is not in it. It is checked, \
      synced, and the file has its name only once it is whole, with mode 0600. Only root and the daemon's own user may make one.

      To restore, stop jobqd, move its jobq.db and what lies beside it away, put the file there as jobq.db, owned by the daemon's user, and start \
      jobqd: see jobqd(8).
      """)

  @Argument(help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file()) var file: String
  @Flag(help: "Replace the file where there is one.") var force = false
  @OptionGroup var common: CommonOptions

  func validate() throws {
    if file.isEmpty || file.hasSuffix("/") { throw ValidationError("a file's name is expected") }
  }

  func run() throws {
    var backup = try BackupFile(at: file, replaces: force)
    let reply = try common.client.backup()
    while let bytes = try reply.next() { try backup.write(bytes) }
    try backup.publish()
    if common.json {
      return try Output.write(
        json: ControlClient.encode(["file": JSONValue.string(file), "bytes": .integer(backup.size)]))
    }
    try Output.write("\(file): \(Diagnosis.size(backup.size))\n")
  }
}
