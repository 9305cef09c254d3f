/// A part of a YAML document (https://yaml.org/spec/1.2.2/), with the line on which it begins, from 1. Scalars are the
/// characters that were written: what type they are of is for the reader to say.
package enum Node: Sendable, Hashable {
  case scalar(Scalar)
  case sequence(Sequence)
  case mapping(Mapping)

  package struct Scalar: Sendable, Hashable {
    package var string: String
    /// Whether it stands without quotes, so that `null` may be meant as such.
    package var isPlain: Bool
    package var line: Int
  }

  package struct Sequence: Sendable, Hashable {
    package var nodes: [Node]
    package var line: Int
  }

  /// In the order written. No key that is a scalar stands twice.
  package struct Mapping: Sendable, Hashable {
    package struct Entry: Sendable, Hashable {
      package var key: Node
      package var value: Node
    }

    package var entries: [Entry]
    package var line: Int
  }

  package var line: Int {
    switch self {
    case .scalar(let scalar): scalar.line
    case .sequence(let sequence): sequence.line
    case .mapping(let mapping): mapping.line
    }
  }

  /// A plain word.
  package init(_ word: String, line: Int = 1) { self = .scalar(Scalar(string: word, isPlain: true, line: line)) }
}
