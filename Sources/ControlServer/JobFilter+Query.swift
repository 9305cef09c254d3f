import JobModel

extension JobFilter {
  /// Reads the parameters of a listing.
  init(_ query: inout QueryParameters) throws(Problem) {
    self.init()
    for text in query.all("state") {
      for word in text.split(separator: ",", omittingEmptySubsequences: false) {
        states.insert(try QueryParameters.word(String(word), "state"))
      }
    }
    queue = try query.text("queue")
    for text in query.all("label") {
      guard let equals = text.firstIndex(of: "="), Limits.isLabelKey(String(text[..<equals])) else {
        throw Problem(InvalidValue("label", "KEY=VALUE is expected, not \"\(text.printable)\""))
      }
      let (key, value) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
      guard labels.updateValue(value, forKey: key) == nil else {
        throw Problem(InvalidValue("label", "\"\(key)\" is given twice"))
      }
    }
    if let text = try query.text("name") {
      guard let pattern = NamePattern(text) else {
        throw Problem(InvalidValue("name", "1 to 256 bytes without control characters are expected"))
      }
      name = pattern
    }
    since = try query.time("since")
    until = try query.time("until")
    let range = Int64(JobFilter.limits.lowerBound)...Int64(JobFilter.limits.upperBound)
    if let limit = try query.integer("limit", in: range) { self.limit = Int(limit) }
    before = try query.job("before")
    do throws(InvalidValue) { try check() } catch { throw Problem(error) }
  }
}

extension QueryParameters {
  /// RFC 3339.
  fileprivate mutating func time(_ name: String) throws(Problem) -> Timestamp? {
    guard let text = try text(name) else { return nil }
    guard let time = Timestamp(rfc3339: text) else {
      throw Problem(
        InvalidValue(name, "a time such as 2026-11-24T08:14:40Z is expected, not \"\(text.printable)\""))
    }
    return time
  }
}
