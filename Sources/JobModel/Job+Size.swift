extension Job {
  /// About how many bytes it has as JSON, without what every job has.
  package var roughSize: Int {
    var size = (command ?? []).reduce(0) { $0 + $1.utf8.count }
    for (name, value) in env { size += name.utf8.count + (value?.utf8.count ?? 0) }
    for (name, value) in labels { size += name.utf8.count + value.utf8.count }
    return size + (payload?.roughSize ?? 0) + (result?.roughSize ?? 0)
  }
}

extension JSONValue {
  /// About how many bytes it has as JSON.
  fileprivate var roughSize: Int {
    switch self {
    case .null, .bool, .integer, .unsigned, .number: 8
    case .string(let text): text.utf8.count
    case .array(let values): values.reduce(2) { $0 + 1 + $1.roughSize }
    case .object(let members): members.reduce(2) { $0 + 4 + $1.key.utf8.count + $1.value.roughSize }
    }
  }
}
