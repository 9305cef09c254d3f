import Glibc

/// Asks a person at a terminal before much is changed. Scripts are asked nothing.
enum Confirmation {
  /// So many are changed without a question.
  private static let few = 10

  /// Whether there is anybody to ask.
  static var isPossible: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Returns where it may go on: there are few, nobody is to be asked, or the answer is yes.
  /// - Throws: 1 for any other answer.
  static func ask(_ question: String, of count: Int, unless isDecided: Bool) throws(Failure) {
    guard count > few, !isDecided, isPossible else { return }
    Output.toStandardError("\(question) [y/N] ")
    let answer = readLine()?.lowercased()
    guard answer == "y" || answer == "yes" else { throw Failure(1, "nothing was changed") }
  }
}
