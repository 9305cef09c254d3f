/// A number of bytes, written `16MiB`, `64KiB`, `1GiB` or as a plain number.
struct ByteSize: Hashable {
  var bytes: Int

  /// Nil where the text is no such number, or does not fit.
  init?(_ text: some StringProtocol) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let shift: Int
    switch text.dropFirst(digits.count) {
    case "": shift = 0
    case "KiB": shift = 10
    case "MiB": shift = 20
    case "GiB": shift = 30
    default: return nil
    }
    guard let number = Int(digits) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
    guard !overflow else { return nil }
    bytes = product
  }
}
