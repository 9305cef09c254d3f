import Glibc

/// What a table may do where it is shown.
struct Terminal: Hashable {
  var isTerminal: Bool
  /// Columns; nil where nothing bounds a line.
  var width: Int?
  var hasColour: Bool

  static let plain = Terminal(isTerminal: false, width: nil, hasColour: false)

  static var standardOutput: Terminal {
    guard isatty(STDOUT_FILENO) == 1 else { return plain }
    return Terminal(
      isTerminal: true, width: width(of: STDOUT_FILENO),
      hasColour: hasColour(noColour: CallerEnvironment.variable("NO_COLOR"), term: CallerEnvironment.variable("TERM")))
  }

  /// https://no-color.org: set and not empty means none.
  static func hasColour(noColour: String?, term: String?) -> Bool {
    (noColour ?? "").isEmpty && term != nil && term != "" && term != "dumb"
  }

  /// COLUMNS where a person set it, else what the terminal says (ioctl_tty(2), TIOCGWINSZ), else 80.
  static func width(of descriptor: Int32) -> Int {
    if let columns = CallerEnvironment.variable("COLUMNS").flatMap({ Int($0) }), columns > 0 { return columns }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}

/// ECMA-48 colours that every terminal knows.
enum Colour: Int {
  case red = 31
  case green = 32
  case yellow = 33
  case cyan = 36
  case bold = 1
}
