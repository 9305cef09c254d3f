// What outside workers send, and what they get.

extension LeaseRequest: JSONReadable {
  private static let keys = JSONKeys(CodingKeys.self)

  package static func plain(_ text: Span<UInt8>) -> LeaseRequest? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    self.init()
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .worker: worker = json.string()
      case .max: max = json.integer().map { Int($0) }
      case .lease: lease = json.span()
      case .wait: wait = json.span()
      }
    }
  }
}

extension LeaseReports: JSONReadable {
  private static let keys = JSONKeys(CodingKeys.self)

  package static func plain(_ text: Span<UInt8>) -> LeaseReports? { JSONReader.value(in: text) }

  package init?(plain json: inout JSONReader) {
    self.init()
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .complete: complete = json.array { json in Complete(plain: &json) } ?? []
      case .fail: fail = json.array { json in Fail(plain: &json) } ?? []
      case .extend: extend = json.array { json in Extend(plain: &json) } ?? []
      }
    }
  }
}

extension LeaseReports.Complete {
  private static let keys = JSONKeys(CodingKeys.self)

  init?(plain json: inout JSONReader) {
    var id: JobID?
    var lease: String?
    var result: JSONValue?
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .id: id = json.integer().map { JobID($0) }
      case .lease: lease = json.string()
      case .result: if !json.null() { result = json.value() }
      }
    }
    guard let id, let lease else { return nil }
    self.init(id: id, lease: lease, result: result)
  }
}

extension LeaseReports.Fail {
  private static let keys = JSONKeys(CodingKeys.self)

  init?(plain json: inout JSONReader) {
    var id: JobID?
    var lease: String?
    var (error, retry) = (String?.none, Bool?.none)
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .id: id = json.integer().map { JobID($0) }
      case .lease: lease = json.string()
      case .error: error = json.string()
      case .retry: retry = json.bool()
      }
    }
    guard let id, let lease else { return nil }
    self.init(id: id, lease: lease, error: error, retry: retry)
  }
}

extension LeaseReports.Extend {
  private static let keys = JSONKeys(CodingKeys.self)

  init?(plain json: inout JSONReader) {
    var id: JobID?
    var lease: String?
    var span: TimeSpan?
    var object = JSONReader.Progress()
    while let field = json.field(of: Self.keys, in: &object) {
      switch field {
      case .id: id = json.integer().map { JobID($0) }
      case .lease: lease = json.string()
      case .span: span = json.span()
      }
    }
    guard let id, let lease, let span else { return nil }
    self.init(id: id, lease: lease, span: span)
  }
}

extension LeasedJob: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    job.writeMembers(to: &json)
    json.member(#","lease":"#, lease)
    json.raw(UInt8(ascii: "}"))
  }
}

extension LeaseGrant: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"jobs":"#, jobs)
    json.raw(UInt8(ascii: "}"))
  }
}

extension LeaseVerdict.Refusal: JSONWritable {}

extension LeaseVerdict: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"id":"#, id)
    json.member(#","ok":"#, ok)
    json.member(#","state":"#, state)
    json.member(#","expires_at":"#, expiresAt)
    json.member(#","code":"#, code)
    json.member(#","detail":"#, detail)
    json.raw(UInt8(ascii: "}"))
  }
}

extension LeaseVerdicts: JSONWritable {
  package func write(to json: inout JSONBuilder) {
    json.member(#"{"complete":"#, complete)
    json.member(#","fail":"#, fail)
    json.member(#","extend":"#, extend)
    json.raw(UInt8(ascii: "}"))
  }
}
