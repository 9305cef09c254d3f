import FoundationEssentials
import JobModel
import Testing
import TimeZones

@Suite("The system's time zones")
struct TimeZoneFileTests {
  @Test("UTC needs no file, and a host without a zone of its own is in UTC")
  func utc() throws {
    let nowhere = TimeZoneFile(directory: "/nonexistent", local: "/nonexistent/localtime")
    #expect(try nowhere.rules(of: "UTC") == .utc)
    #expect(try nowhere.rules(of: "local") == .utc)
  }

  @Test("the host's own zone is read from its file")
  func local() throws {
    let zone = try TimeZoneFile(local: "/usr/share/zoneinfo/Asia/Kolkata").rules(of: "local")
    #expect(zone.name == "local")
    #expect(zone.utcOffset(at: Timestamp(milliseconds: 0)) == 19_800)
  }

  @Test("where there are no zones the package that brings them is named")
  func noDatabase() {
    expect(
      "Europe/Berlin", .noDatabase,
      "there is no /nonexistent, so that time zones are not known; install the package tzdata",
      in: TimeZoneFile(directory: "/nonexistent"))
  }

  @Test(
    "a name that leads elsewhere is never opened",
    arguments: [
      "", "/etc/localtime", "../../../etc/passwd", "Europe/../Europe/Berlin", "./UTC", "Europe//Berlin", "Europe/",
      ".hidden", "a b", "a\0b",
      "Europe/Berlin\n", "Zürich", String(repeating: "a", count: 256),
    ])
  func badNames(name: String) {
    #expect(throws: TimeZoneError.self) { try TimeZoneFile().rules(of: name) }
    do throws(TimeZoneError) {
      _ = try TimeZoneFile().rules(of: name)
    } catch {
      #expect(error.code == .unknown && error.message.contains("no time zone's name"))
    }
  }

  @Test("an unknown zone, a directory and a file that is no zone are told apart")
  func refusals() {
    expect(
      "Europe/Atlantis", .unknown,
      "the time zone \"Europe/Atlantis\" cannot be read from /usr/share/zoneinfo/Europe/Atlantis: No such file or directory; the package tzdata brings the zones that there are"
    )
    expect(
      "Europe", .unknown,
      "the time zone \"Europe\" cannot be read from /usr/share/zoneinfo/Europe: Is a directory; the package tzdata brings the zones that there are"
    )
    expect("zone.tab", .unusable, "/usr/share/zoneinfo/zone.tab is no usable time zone: it is not in the TZif format")
  }

  private func expect(
    _ name: String, _ code: TimeZoneError.Code, _ message: String, in files: TimeZoneFile = TimeZoneFile()
  ) {
    do throws(TimeZoneError) {
      _ = try files.rules(of: name)
      Issue.record("\(name) was read")
    } catch {
      #expect(error.code == code)
      #expect(error.message == message)
    }
  }
}
