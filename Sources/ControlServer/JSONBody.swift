import FoundationEssentials
import JobModel
import NIOCore

/// Reads request bodies, and says in a person's words why one is refused.
enum JSONBody {
  private static let decoder = JSONDecoder()

  /// - Throws: `malformed` where the bytes are no JSON, `invalidValue` with the field where they are but do not fit.
  static func decode<Value: Decodable & JSONReadable>(
    _: Value.Type = Value.self, from body: Span<UInt8>
  ) throws(Problem) -> Value {
    // What is not plain is refused by the decoder, or taken after all.
    if let value = Value.plain(body) { return value }
    return try decodeAny(from: body)
  }

  static func decodeAny<Value: Decodable>(_: Value.Type = Value.self, from body: Span<UInt8>) throws(Problem) -> Value {
    let data = body.withUnsafeBufferPointer { Data(buffer: $0) }
    do {
      return try decoder.decode(Value.self, from: data)
    } catch {
      throw problem(error, in: data)
    }
  }

  static func problem(_ error: any Error, in data: Data) -> Problem {
    if let unknown = error as? UnknownField {
      return Problem(.invalidValue, unknown.description, field: unknown.name)
    }
    if let invalid = error as? InvalidValue { return Problem(invalid) }
    // A fault anywhere makes the whole text malformed, even where a value before it was refused already.
    let numbers: [JSONSyntax.Number]
    do throws(JSONSyntax.Fault) {
      numbers = try JSONSyntax.numbers(in: data)
    } catch {
      return Problem(
        .malformed, "the body is no JSON: line \(error.line), column \(error.column): \(error.message)")
    }
    switch error {
    case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
      return refused(context.codingPath, "\(expectation(type)) is expected")
    case DecodingError.keyNotFound(let key, let context):
      return refused(context.codingPath + [key], "is missing")
    case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
      return refused(context.codingPath, words(context.debugDescription))
    default:
      return numberProblem(numbers)
    }
  }

  /// The decoder refuses a number without saying which: one that is too large for any type, or, first come, one with
  /// a fraction where whole numbers are meant, which is everywhere but in spans of time and in a payload.
  private static func numberProblem(_ numbers: [JSONSyntax.Number]) -> Problem {
    for number in numbers where number.path.first != "payload" && !number.path.starts(with: ["job", "payload"]) {
      guard let value = Double(number.literal), value.isFinite else {
        return refused(number.path, "the number is out of range")
      }
      let isSpan = number.path.last?.hasSuffix("_seconds") == true || number.path.last == "jitter"
      if !isSpan, Int64(exactly: value) == nil { return refused(number.path, "a whole number is expected") }
    }
    return Problem(.malformed, "the body holds a value that cannot be read")
  }

  private static func refused(_ path: [any CodingKey], _ message: String) -> Problem {
    refused(path.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }, message)
  }

  private static func refused(_ path: [String], _ message: String) -> Problem {
    guard !path.isEmpty else { return Problem(.invalidValue, "the body: \(message)") }
    let field = path.reduce(into: "") { text, part in
      text += text.isEmpty || part.hasPrefix("[") ? part : ".\(part)"
    }
    return Problem(InvalidValue(field.printable, message))
  }

  private static func expectation(_ type: any Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is String.Type: "a string"
    case is any FixedWidthInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is any JSONArrayType.Type: "an array"
    case is any JSONObjectType.Type: "an object"
    default: "another type of value"
    }
  }

  /// The model's own words stay; what Swift says of an enum becomes a list of the words that it knows.
  private static func words(_ description: String) -> String {
    guard description.hasPrefix("Cannot initialize "), let value = description.firstRange(of: " value ") else {
      return description
    }
    let known =
      if description.contains("\(OnInterrupt.self)") {
        OnInterrupt.allCases.map(\.rawValue)
      } else if description.contains("\(Backoff.Kind.self)") {
        Backoff.Kind.allCases.map(\.rawValue)
      } else if description.contains("\(MissedPolicy.self)") {
        MissedPolicy.allCases.map(\.rawValue)
      } else if description.contains("\(OverlapPolicy.self)") {
        OverlapPolicy.allCases.map(\.rawValue)
      } else {
        [String]()
      }
    let word = "\"\(String(description[value.upperBound...]).printable)\""
    return known.isEmpty ? "\(word) is not known here" : "\(word) is none of \(known.joined(separator: ", "))"
  }
}

private protocol JSONArrayType {}
extension Array: JSONArrayType {}
private protocol JSONObjectType {}
extension Dictionary: JSONObjectType {}
