import FoundationEssentials
import Glibc
package import JobModel

/// Where the system keeps its time zones: tzfile(5), localtime(5).
package struct TimeZoneFile: Sendable {
  /// The zones, by name.
  package var directory: String
  /// The host's own zone.
  package var local: String

  package init(directory: String = "/usr/share/zoneinfo", local: String = "/etc/localtime") {
    self.directory = directory
    self.local = local
  }

  /// The rules of a zone by its name (`Europe/Berlin`); `UTC` needs no file; `local` is the host's own zone, UTC where
  /// the host has set none (localtime(5)).
  ///
  /// Reads one file of some kilobytes, and blocks for that. Throws `TimeZoneError`.
  package func rules(of name: String) throws(TimeZoneError) -> TimeZoneRules {
    switch name {
    case "UTC": return .utc
    case "local":
      guard FileManager.default.fileExists(atPath: local) else { return .utc }
      return try read(local, name)
    default:
      guard Self.isName(name) else {
        throw TimeZoneError(
          .unknown, "\"\(name.printable)\" is no time zone's name; expected is one such as Europe/Berlin, UTC or local")
      }
      guard FileManager.default.fileExists(atPath: directory) else {
        throw TimeZoneError(
          .noDatabase, "there is no \(directory), so that time zones are not known; install the package tzdata")
      }
      return try read("\(directory)/\(name)", name)
    }
  }

  /// Names of tzdata: relative paths of letters, digits and `. _ + -` that lead nowhere else.
  private static func isName(_ name: String) -> Bool {
    guard (1...255).contains(name.utf8.count) else { return false }
    return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && !part.hasPrefix(".")
        && part.utf8.allSatisfy { byte in
          switch byte {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
          case 0x2B, 0x2D, 0x2E, 0x5F: true
          default: false
          }
        }
    }
  }

  private func read(_ path: String, _ name: String) throws(TimeZoneError) -> TimeZoneRules {
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      let cause = ((error as? CocoaError)?.underlying as? POSIXError)?.code
      let isMissing = cause == .ENOENT || cause == .ENOTDIR || cause == .EISDIR
      let hint = isMissing ? "; the package tzdata brings the zones that there are" : ""
      let why = cause.map { String(cString: strerror($0.rawValue)) } ?? "\(error)"
      throw TimeZoneError(
        isMissing ? .unknown : .unusable, "the time zone \"\(name)\" cannot be read from \(path): \(why)\(hint)")
    }
    do throws(TZifError) {
      return try TimeZoneRules(name: name, tzif: Array(data))
    } catch {
      throw TimeZoneError(.unusable, "\(path) is no usable time zone: \(error.reason)")
    }
  }
}
