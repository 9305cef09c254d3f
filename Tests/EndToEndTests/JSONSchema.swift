import Foundation

/// As much of JSON Schema (2020-12) as docs/openapi.yaml uses: type, enum, const, required, properties,
/// additionalProperties, items, oneOf, allOf, $ref, minItems.
struct JSONSchema {
  let document: [String: Any]

  /// What is wrong with `value`; empty where it fits.
  func faults(_ value: Any, _ schema: Any, at path: String = "$") -> [String] {
    guard var schema = schema as? [String: Any] else { return ["\(path): the schema is no object"] }
    while let reference = schema["$ref"] as? String { schema = resolve(reference) }
    if let options = schema["oneOf"] as? [Any] {
      let fitting = options.count { faults(value, $0, at: path).isEmpty }
      return fitting == 1 ? [] : ["\(path): \(fitting) of \(options.count) schemas fit \(value)"]
    }
    if let parts = schema["allOf"] as? [Any] { return parts.flatMap { faults(value, $0, at: path) } }
    if let type = schema["type"] {
      let types = (type as? [Any])?.map { "\($0)" } ?? ["\(type)"]
      guard types.contains(where: { Self.isOf($0, value) }) else { return ["\(path): \(value) is no \(types)"] }
    }
    if let options = schema["enum"] as? [Any], !options.contains(where: { "\($0)" == "\(value)" }) {
      return ["\(path): \(value) is none of \(options)"]
    }
    if let only = schema["const"], "\(only)" != "\(value)" { return ["\(path): \(value) is not \(only)"] }
    if let array = value as? [Any] {
      guard let items = schema["items"] else { return [] }
      return array.enumerated().flatMap { faults($1, items, at: "\(path)[\($0)]") }
    }
    guard let object = value as? [String: Any] else { return [] }
    var found: [String] = []
    for name in schema["required"] as? [String] ?? [] where object[name] == nil {
      found.append("\(path): \(name) is missing")
    }
    let properties = schema["properties"] as? [String: Any] ?? [:]
    for (name, member) in object {
      if let property = properties[name] {
        found += faults(member, property, at: "\(path).\(name)")
      } else if let others = schema["additionalProperties"] {
        if (others as? Bool) == false {
          found.append("\(path): \(name) is not in the file")
        } else if others is [String: Any] {
          found += faults(member, others, at: "\(path).\(name)")
        }
      }
    }
    return found
  }

  func resolve(_ reference: String) -> [String: Any] {
    reference.split(separator: "/").dropFirst().reduce(document as Any?) { ($0 as? [String: Any])?[String($1)] }
      as? [String: Any] ?? [:]
  }

  private static func isOf(_ type: String, _ value: Any) -> Bool {
    let number = value as? NSNumber
    let isBool = number.map { isBoolean($0) } ?? (value is Bool)
    switch type {
    case "null": return value is NSNull
    case "boolean": return isBool
    case "integer": return !isBool && number.map { $0.doubleValue == $0.doubleValue.rounded() } ?? false
    case "number": return !isBool && number != nil
    case "string": return value is String
    case "array": return value is [Any]
    case "object": return value is [String: Any]
    default: return false
    }
  }

  /// JSONSerialization gives both as NSNumber; a boolean's C type is `c`.
  private static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
