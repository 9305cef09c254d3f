import CYAML

extension Node {
  /// Reads the one document of a text; nil for a text without one.
  package static func document(of text: String) throws(YAMLError) -> Node? {
    var text = text
    // libyaml reads from the bytes while it parses: they stay where they are meanwhile.
    let result: Result<Node?, YAMLError> = text.withUTF8 { bytes in
      Result { () throws(YAMLError) in
        let composer = try unsafe Composer(bytes)
        return try composer.document()
      }
    }
    return try result.get()
  }
}

/// Puts a document together from the events of libyaml's parser (https://pyyaml.org/wiki/LibYAML).
@safe
private struct Composer: ~Copyable {
  /// Deeper than any configuration; far from what would use up the stack, here or in libyaml.
  private static let maxDepth = 64

  /// At one address from its initialisation to its end: it holds pointers to itself.
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  /// - Parameter bytes: UTF-8; they outlive the composer.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
    unsafe parser = .allocate(capacity: 1)
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      unsafe parser.deallocate()
      throw .outOfMemory
    }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
  }

  func document() throws(YAMLError) -> Node? {
    guard case .streamStart = try next().kind else { return nil }
    guard case .documentStart = try next().kind else { return nil }
    let root = try node(try next(), depth: 0)
    _ = try next()  // The document's end.
    let after = try next()
    guard case .streamEnd = after.kind else { throw .secondDocument(line: after.line) }
    return root
  }

  private func node(_ event: Event, depth: Int) throws(YAMLError) -> Node {
    guard depth < Self.maxDepth else { throw .tooDeep(line: event.line) }
    switch event.kind {
    case .scalar(let string, let isPlain):
      return .scalar(Node.Scalar(string: string, isPlain: isPlain, line: event.line))
    case .sequenceStart:
      var nodes: [Node] = []
      var item = try next()
      while item.kind != .end {
        nodes.append(try node(item, depth: depth + 1))
        item = try next()
      }
      return .sequence(Node.Sequence(nodes: nodes, line: event.line))
    case .mappingStart:
      var entries: [Node.Mapping.Entry] = []
      var item = try next()
      while item.kind != .end {
        let key = try node(item, depth: depth + 1)
        entries.append(Node.Mapping.Entry(key: key, value: try node(try next(), depth: depth + 1)))
        item = try next()
      }
      try refuseRepeated(entries)
      return .mapping(Node.Mapping(entries: entries, line: event.line))
    case .alias(let name): throw .alias(name: name, line: event.line)
    case .streamStart, .streamEnd, .documentStart, .end:
      // libyaml gives none of these where a node stands.
      throw .syntax(problem: "a value is expected", line: event.line, context: nil)
    }
  }

  private func refuseRepeated(_ entries: [Node.Mapping.Entry]) throws(YAMLError) {
    var lines: [String: [Int]] = [:]
    for entry in entries {
      if case .scalar(let key) = entry.key { lines[key.string, default: []].append(key.line) }
    }
    let repeated = lines.filter { $0.value.count > 1 }
    guard let first = repeated.values.compactMap(\.first).min() else { return }
    throw .repeatedKeys(repeated.keys.sorted(), line: first)
  }

  // MARK: Events

  private struct Event {
    enum Kind: Equatable {
      case streamStart
      case streamEnd
      case documentStart
      case scalar(String, isPlain: Bool)
      case sequenceStart
      case mappingStart
      /// Of a document, a sequence or a mapping.
      case end
      case alias(String)
    }

    var kind: Kind
    var line: Int
  }

  private func next() throws(YAMLError) -> Event {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
    defer { unsafe yaml_event_delete(&event) }
    let kind: Event.Kind =
      switch unsafe event.type {
      case YAML_STREAM_START_EVENT: .streamStart
      case YAML_DOCUMENT_START_EVENT: .documentStart
      case YAML_SCALAR_EVENT:
        unsafe .scalar(
          Self.text(event.data.scalar.value, event.data.scalar.length),
          isPlain: event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
      case YAML_SEQUENCE_START_EVENT: .sequenceStart
      case YAML_MAPPING_START_EVENT: .mappingStart
      case YAML_DOCUMENT_END_EVENT, YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: .end
      case YAML_ALIAS_EVENT: unsafe .alias(String(cString: event.data.alias.anchor))
      default: .streamEnd
      }
    return Event(kind: kind, line: unsafe event.start_mark.line + 1)
  }

  private static func text(_ start: UnsafeMutablePointer<yaml_char_t>?, _ count: Int) -> String {
    unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  private var failure: YAMLError {
    let (error, problem) = unsafe (
      parser.pointee.error, parser.pointee.problem.map { unsafe String(cString: $0) } ?? ""
    )
    switch error {
    case YAML_MEMORY_ERROR: return .outOfMemory
    case YAML_READER_ERROR: return .characters(problem: problem, offset: unsafe parser.pointee.problem_offset)
    default:
      let context = unsafe parser.pointee.context.map { text in
        unsafe YAMLError.Context(text: String(cString: text), line: parser.pointee.context_mark.line + 1)
      }
      return .syntax(problem: problem, line: unsafe parser.pointee.problem_mark.line + 1, context: context)
    }
  }
}
