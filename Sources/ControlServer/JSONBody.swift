import FoundationEssentials
import JobModel
import NIOCore

/// Reads request bodies, and says in a person's words why one is refused.
enum JSONBody {
  /// - Throws: `malformed` where the bytes are no JSON, `invalidValue` with the field where they are but do not fit.
  static func decode<Value: Decodable & JSONReadable>(
    _: Value.Type = Value.self, from body: Span<UInt8>
  ) throws(Problem) -> Value {
    // What is not plain is refused by the decoder, or taken after all.
    if let value = Value.plain(body) { return value }
    return try decodeAny(from: body)
  }

  static func decodeAny<Value: Decodable>(_: Value.Type = Value.self, from body: Span<UInt8>) throws(Problem) -> Value {
    let bytes = body.withUnsafeBufferPointer { Array($0) }
    // A fault anywhere makes the whole text malformed, even where a value before it would be refused too.
    let number: JSONSyntax.Misfit?
    do throws(JSONSyntax.Fault) {
      number = try JSONSyntax.misfit(in: bytes)
    } catch {
      throw Problem(.malformed, "the body is no JSON: line \(error.line), column \(error.column): \(error.message)")
    }
    if let number, !number.isFinite { throw refused(number.path, "the number is out of range") }
    let decoder = JSONDecoder()
    decoder.userInfo[JSONDocument.key] = JSONDocument(bytes)
    do {
      return try decoder.decode(Value.self, from: Data(bytes))
    } catch {
      throw problem(error, number)
    }
  }

  /// - Parameter number: the first one with a fraction where whole numbers are meant. The decoder refuses such a one
  ///   without saying which.
  private static func problem(_ error: any Error, _ number: JSONSyntax.Misfit?) -> Problem {
    if let unknown = error as? UnknownField {
      return Problem(.invalidValue, unknown.description, field: unknown.name)
    }
    if let invalid = error as? InvalidValue { return Problem(invalid) }
    switch error {
    case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
      return refused(context.codingPath, "\(expectation(type)) is expected")
    case DecodingError.keyNotFound(let key, let context):
      return refused(context.codingPath + [key], "is missing")
    case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
      return refused(context.codingPath, words(context.debugDescription))
    default:
      if let number { return refused(number.path, "a whole number is expected") }
      return Problem(.malformed, "the body holds a value that cannot be read")
    }
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
