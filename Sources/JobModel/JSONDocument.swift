import Synchronization

/// The text that a general decoder reads, for the values of any kind in it (`JSONValue`).
///
/// A decoder can only be asked whether a value is this, or that, or else something else, and each no is an error with a
/// path of its own: for a text of many values, or of deep ones, that takes seconds. Where a decoder's `userInfo` holds the
/// document, such a value is read straight from that.
package final class JSONDocument: Sendable {
  /// Under which a decoder's `userInfo` has it.
  package static let key = CodingUserInfoKey(rawValue: "jobq.document")!

  private enum Root {
    case unread([UInt8])
    case read(JSONValue?)
  }

  private let state: Mutex<Root>

  package init(_ text: [UInt8]) { state = Mutex(.unread(text)) }

  /// All of it. Nil where it is no JSON, is nested deeper than `JSONReader.deepest`, or holds a number out of the range of a Double. Read
  /// at the first call.
  package var root: JSONValue? {
    state.withLock { state in
      switch state {
      case .read(let value): return value
      case .unread(let text):
        let value = JSONValue.plain(text.span)
        state = .read(value)
        return value
      }
    }
  }

  /// The value at a decoder's place.
  func value(at path: [any CodingKey]) -> JSONValue? {
    path.reduce(root) { value, key in
      switch value {
      case .object(let members)?: members[key.stringValue]
      case .array(let elements)?: key.intValue.flatMap { elements.indices.contains($0) ? elements[$0] : nil }
      default: nil
      }
    }
  }
}
