/// Numbers (RFC 8259 section 6), where they are exact.
extension JSONReader {
  enum Number {
    case integer(Int64)
    /// Over `Int64.max`.
    case unsigned(UInt64)
    /// Written with a fraction or an exponent.
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

  /// Gives up on what one multiplication or division of two exact Doubles does not round correctly (W. D. Clinger, "How
  /// to Read Floating Point Numbers Accurately", section 2), and on minus zero.
  mutating func number() -> Number? {
    let isNegative = take(UInt8(ascii: "-"))
    var (digits, exponent, isWhole) = (UInt64(0), 0, true)
    let beginsWithZero = here == UInt8(ascii: "0")
    guard var found = mantissa(&digits), found == 1 || !beginsWithZero else {
      giveUp()
      return nil
    }
    if here == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      guard let fraction = mantissa(&digits) else {
        giveUp()
        return nil
      }
      found += fraction
      exponent = -fraction
    }
    if here | 0x20 == UInt8(ascii: "e") {
      position += 1
      isWhole = false
      let isSmall = here == UInt8(ascii: "-")
      if isSmall || here == UInt8(ascii: "+") { position += 1 }
      var power: UInt64 = 0
      guard mantissa(&power) != nil, power < 100 else {
        giveUp()
        return nil
      }
      exponent += isSmall ? -Int(power) : Int(power)
    }
    if digits == 0, isNegative {
      giveUp()
      return nil
    }
    guard isWhole else { return scaled(digits, exponent, isNegative) }
    if let value = Int64(exactly: digits) { return .integer(isNegative ? -value : value) }
    if !isNegative { return .unsigned(digits) }
    if digits == Int64.min.magnitude { return .integer(.min) }
    giveUp()
    return nil
  }

  /// Reads digits on to `number`, and says how many. Nil where there is none, or the number does not fit.
  private mutating func mantissa(_ number: inout UInt64) -> Int? {
    let start = position
    while case let digit = here &- 0x30, digit < 10 {
      let (product, overflows) = number.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(UInt64(digit))
      if overflows || carries { return nil }
      number = sum
      position += 1
    }
    return position > start ? position - start : nil
  }

  private mutating func scaled(_ digits: UInt64, _ exponent: Int, _ isNegative: Bool) -> Number? {
    let exact = Double(sign: .plus, exponent: Double.significandBitCount + 1, significand: 1)
    if digits < UInt64(exact), exponent.magnitude < Self.powers.count {
      let power = Self.powers[Int(exponent.magnitude)]
      let value = exponent < 0 ? Double(digits) / power : Double(digits) * power
      // The decoder takes whole numbers from there on by another way.
      if value < exact { return .double(isNegative ? -value : value) }
    }
    giveUp()
    return nil
  }
}
