/// Numbers (RFC 8259 section 6).
extension JSONReader {
  enum Number {
    case integer(Int64)
    /// Over `Int64.max`.
    case unsigned(UInt64)
    /// Written with a fraction or an exponent, or over 64 bits.
    case double(Double)
  }

  /// A whole number, written as one.
  package mutating func integer() -> Int64? {
    if null() { return nil }
    if case .integer(let value) = number() { return value }
    giveUp()
    return nil
  }

  package mutating func double() -> Double? {
    if null() { return nil }
    return switch number() {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .double(let value): value
    case nil: nil
    }
  }

  /// Powers of ten that a Double holds exactly.
  private static let powers: [Double] = (0...22).map { power in (0..<power).reduce(1.0) { value, _ in value * 10 } }
  /// Powers of ten that fit.
  private static let wholePowers: [UInt64] = (0...19).map { power in (0..<power).reduce(1) { value, _ in value * 10 } }

  /// A number as it is written: `digits` times ten to the power of `exponent`.
  private struct Literal {
    var isNegative = false
    var digits: UInt64 = 0
    /// More digits than `digits` can hold.
    var isLong = false
    var exponent = 0
    var isWhole = true
  }

  /// Any number, correctly rounded, and whole ones exactly where they fit 64 bits. Gives up on what is out of a Double's
  /// range.
  mutating func number() -> Number? {
    _ = next()
    let start = position
    guard let literal = literal() else { return given(nil) }
    if literal.isWhole, !literal.isLong {
      if let value = Int64(exactly: literal.digits) { return .integer(literal.isNegative ? -value : value) }
      if !literal.isNegative { return .unsigned(literal.digits) }
      if literal.digits == Int64.min.magnitude { return .integer(.min) }
    }
    if !literal.isLong, let number = Self.simple(literal) ?? Self.whole(literal) { return number }
    let text = unsafe String(decoding: slice(from: start), as: UTF8.self)
    guard let value = Double(text), value.isFinite else { return given(nil) }
    return .double(value)
  }

  private mutating func literal() -> Literal? {
    var literal = Literal()
    literal.isNegative = take(UInt8(ascii: "-"))
    let beginsWithZero = here == UInt8(ascii: "0")
    guard let found = digits(&literal.digits, &literal.isLong), found == 1 || !beginsWithZero else { return nil }
    if here == UInt8(ascii: ".") {
      position += 1
      literal.isWhole = false
      guard let found = digits(&literal.digits, &literal.isLong) else { return nil }
      literal.exponent = -found
    }
    if here | 0x20 == UInt8(ascii: "e") {
      position += 1
      literal.isWhole = false
      let isSmall = here == UInt8(ascii: "-")
      if isSmall || here == UInt8(ascii: "+") { position += 1 }
      var (power, isLong) = (UInt64(0), false)
      guard digits(&power, &isLong) != nil else { return nil }
      // Beyond any Double either way, and `simple` and `whole` leave it alone.
      let exponent = isLong ? Int(Int32.max) : Int(min(power, UInt64(Int32.max)))
      literal.exponent += isSmall ? -exponent : exponent
    }
    return literal
  }

  /// Reads digits on to `number`, and says how many. Nil where there is none.
  private mutating func digits(_ number: inout UInt64, _ isLong: inout Bool) -> Int? {
    let start = position
    while case let digit = here &- 0x30, digit < 10 {
      let (product, overflows) = number.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(UInt64(digit))
      if overflows || carries { isLong = true } else { number = sum }
      position += 1
    }
    return position > start ? position - start : nil
  }

  /// What one multiplication or division of two exact Doubles rounds correctly (W. D. Clinger, "How to Read Floating
  /// Point Numbers Accurately", section 2).
  private static func simple(_ literal: Literal) -> Number? {
    let exact = Double(sign: .plus, exponent: Double.significandBitCount + 1, significand: 1)
    guard literal.digits < UInt64(exact), literal.exponent.magnitude < powers.count else { return nil }
    let power = powers[Int(literal.exponent.magnitude)]
    let value = literal.exponent < 0 ? Double(literal.digits) / power : Double(literal.digits) * power
    return value < exact ? .double(literal.isNegative ? -value : value) : nil
  }

  /// A whole number that is written with a fraction or an exponent, and is too large to be exact as a Double.
  private static func whole(_ literal: Literal) -> Number? {
    guard literal.exponent.magnitude < wholePowers.count else { return nil }
    let power = wholePowers[Int(literal.exponent.magnitude)]
    let value: UInt64
    if literal.exponent < 0 {
      guard literal.digits.isMultiple(of: power) else { return nil }
      value = literal.digits / power
    } else {
      let (product, overflows) = literal.digits.multipliedReportingOverflow(by: power)
      guard !overflows else { return nil }
      value = product
    }
    if !literal.isNegative { return Int64(exactly: value).map { .integer($0) } ?? .unsigned(value) }
    return value <= Int64.min.magnitude ? .integer(Int64(truncatingIfNeeded: 0 &- value)) : nil
  }
}
