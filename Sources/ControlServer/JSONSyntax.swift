import JobModel

/// Reads a JSON text (RFC 8259) for what is wrong with it. The decoder of FoundationEssentials says that a text is
/// no JSON, and that a number does not fit, but not where; this says where. It runs only on what is not plain.
struct JSONSyntax {
  struct Fault: Error, Hashable {
    /// From 1.
    var line: Int
    /// In bytes, from 1.
    var column: Int
    var message: String
  }

  /// A number that fits no field, and where it stands: `after[2]`.
  struct Misfit: Hashable {
    var path: [String]
    /// False: it is out of the range of a Double. True: it has a fraction where whole numbers are meant, which is
    /// everywhere but in spans of time and in a payload.
    var isFinite: Bool
  }

  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0
  private var path: [String] = []
  /// Only this one is kept: a path is long where the text is deep.
  private var misfit: Misfit?

  /// The first number that is out of range; where there is none, the first that has a fraction and may not. Throws the
  /// first fault.
  static func misfit(in bytes: [UInt8]) throws(Fault) -> Misfit? {
    var syntax = JSONSyntax(bytes: bytes)
    syntax.skipSpace()
    try syntax.value()
    syntax.skipSpace()
    guard syntax.position == syntax.bytes.count else { throw syntax.fault("something follows the end of the value") }
    return syntax.misfit
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func fault(_ message: String) -> Fault {
    let before = bytes[..<min(position, bytes.count)]
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return Fault(
      line: before.count { $0 == 0x0A } + 1, column: before.count - lineStart + 1, message: message)
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() throws(Fault) {
    switch next {
    case UInt8(ascii: "{"): try object()
    case UInt8(ascii: "["): try array()
    case UInt8(ascii: "\""): _ = try string()
    case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): try number()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    case nil: throw fault(bytes.isEmpty ? "there is nothing" : "the text ends where a value is expected")
    case _?: throw fault("a value is expected")
    }
  }

  private mutating func object() throws(Fault) {
    try enter()
    skipSpace()
    if take(UInt8(ascii: "}")) { return leave() }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw fault("a name in quotation marks is expected") }
      path.append(try string())
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw fault("a \":\" is expected after the name") }
      skipSpace()
      try value()
      path.removeLast()
      skipSpace()
      if take(UInt8(ascii: "}")) { return leave() }
      guard take(UInt8(ascii: ",")) else { throw fault("a \",\" or \"}\" is expected") }
    }
  }

  private mutating func array() throws(Fault) {
    try enter()
    skipSpace()
    if take(UInt8(ascii: "]")) { return leave() }
    var index = 0
    while true {
      skipSpace()
      path.append("[\(index)]")
      try value()
      path.removeLast()
      index += 1
      skipSpace()
      if take(UInt8(ascii: "]")) { return leave() }
      guard take(UInt8(ascii: ",")) else { throw fault("a \",\" or \"]\" is expected") }
    }
  }

  private mutating func enter() throws(Fault) {
    depth += 1
    guard depth <= JSONReader.deepest else {
      throw fault("values are nested deeper than \(JSONReader.deepest)")
    }
    position += 1
  }

  private mutating func leave() { depth -= 1 }

  private mutating func word(_ word: StaticString) throws(Fault) {
    let start = position
    for byte in word.description.utf8 where !take(byte) {
      position = start
      throw fault("a value is expected")
    }
  }

  private mutating func digits() throws(Fault) {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw fault("a digit is expected") }
  }

  private mutating func number() throws(Fault) {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if take(UInt8(ascii: "0")) {
      if let byte = next, (0x30...0x39).contains(byte) { throw fault("a number does not begin with 0") }
    } else {
      try digits()
    }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    judge(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func judge(_ literal: String) {
    if misfit?.isFinite == false { return }
    guard let value = Double(literal), value.isFinite else {
      misfit = Misfit(path: path, isFinite: false)
      return
    }
    guard misfit == nil, Int64(exactly: value) == nil else { return }
    let isSpan = path.last?.hasSuffix("_seconds") == true || path.last == "jitter"
    let isOfWorkers = path.first == "payload" || path.starts(with: ["job", "payload"])
    if !isSpan, !isOfWorkers { misfit = Misfit(path: path, isFinite: true) }
  }

  private mutating func string() throws(Fault) -> String {
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw fault("a control character stands bare in a string") }
      position += 1
      if byte == UInt8(ascii: "\\") { try escape() }
    }
    guard next != nil else { throw fault("the text ends inside a string") }
    guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
      position = start
      throw fault("a string is no UTF-8")
    }
    position += 1
    return text
  }

  private mutating func escape() throws(Fault) {
    switch next {
    case UInt8(ascii: "u"):
      position += 1
      let unit = try hexUnit()
      if (0xDC00...0xDFFF).contains(unit) { throw fault("half a surrogate pair") }
      guard (0xD800...0xDBFF).contains(unit) else { return }
      guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), (0xDC00...0xDFFF).contains(try hexUnit()) else {
        throw fault("half a surrogate pair")
      }
    case let byte? where #""\/bfnrt"#.utf8.contains(byte): position += 1
    default: throw fault("no such escape in a string")
    }
  }

  private mutating func hexUnit() throws(Fault) -> Int {
    var unit = 0
    for _ in 0..<4 {
      guard let digit = next?.hexDigit else { throw fault("four hexadecimal digits are expected") }
      unit = unit << 4 | Int(digit)
      position += 1
    }
    return unit
  }
}
