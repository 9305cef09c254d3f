import JobModel
import Testing

@testable import JobCommands

@Suite("What people read")
struct TextTests {
  @Test("columns are as wide as what they hold; without a terminal nothing is cut")
  func table() {
    var table = Table([.right("ID"), .left("STATE"), .left("JOB")])
    table.add([Cell("7"), Cell("running", .cyan), Cell("make release")])
    table.add([Cell("1234"), Cell("held"), Cell(String(repeating: "x", count: 300))])
    let lines = table.text(.plain).split(separator: "\n")
    #expect(lines[0] == "  ID  STATE    JOB")
    #expect(lines[1] == "   7  running  make release")
    #expect(lines[2] == "1234  held     " + String(repeating: "x", count: 300))
  }

  @Test("on a terminal the last column is cut to fit, wide characters count twice, and colours take no room")
  func narrow() {
    var table = Table([.right("ID"), .left("JOB")])
    table.add([Cell("7", .red), Cell("abcdefghijklmnopqrstuvwxyz")])
    table.add([Cell("8"), Cell("漢字漢字漢字漢字漢字")])
    let width = 20
    let plain = table.text(Terminal(isTerminal: true, width: width, hasColour: false)).split(separator: "\n")
    #expect(plain[1] == " 7  abcdefghijklmno…")
    #expect(plain[2] == " 8  漢字漢字漢字漢…")
    #expect(plain.allSatisfy { String($0).displayWidth <= width })
    let coloured = table.text(Terminal(isTerminal: true, width: width, hasColour: true)).split(separator: "\n")
    #expect(coloured[1] == " \u{1B}[31m7\u{1B}[0m  abcdefghijklmno…")
  }

  @Test("colour needs a terminal that knows it, and a person who has not said no")
  func colour() {
    #expect(Terminal.hasColour(noColour: nil, term: "xterm"))
    #expect(Terminal.hasColour(noColour: "", term: "xterm"))
    #expect(!Terminal.hasColour(noColour: "1", term: "xterm"))
    #expect(!Terminal.hasColour(noColour: nil, term: "dumb"))
    #expect(!Terminal.hasColour(noColour: nil, term: nil))
  }

  @Test(
    "times are told from now",
    arguments: [
      (0, "now"), (999, "now"), (1000, "1s ago"), (59_999, "59s ago"), (120_000, "2m ago"), (7_199_000, "1h ago"),
      (172_800_000, "2d ago"), (-999, "now"), (-300_000, "in 5m"), (-90_000_000, "in 1d"),
    ] as [(Int64, String)])
  func relative(age: Int64, text: String) {
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    #expect(Timestamp(milliseconds: now.milliseconds - age).relative(to: now) == text)
  }

  @Test("a command is shown as a shell would take it, its control characters visible")
  func quoting() {
    #expect(ShellWords.quoted(["make", "-j4", "a=b"]) == "make -j4 a=b")
    #expect(ShellWords.quoted(["sh", "-c", "echo hi; x"]) == "sh -c 'echo hi; x'")
    #expect(ShellWords.quoted(["it's", "", "\u{1B}[31m"]) == #"'it'\''s' '' '\u{1b}[31m'"#)
  }

  @Test("progress tells a part where the size is known, and fits the terminal")
  func progress() {
    let line = Progress.line(jobs: 5000, bytes: 50, total: 100, elapsed: .seconds(2), width: 80)
    #expect(line == "[###############...............] 50%  5000 jobs, 2500/s")
    #expect(Progress.line(jobs: 10, bytes: 50, total: nil, elapsed: .zero, width: 80) == "10 jobs, 10000/s")
    for width in 1...80 {
      #expect(
        Progress.line(jobs: 5000, bytes: 50, total: 100, elapsed: .seconds(2), width: width).count <= max(width - 1, 1))
    }
  }
}
