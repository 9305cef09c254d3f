import FoundationEssentials
import JobModel

extension ClientError {
  /// What a reply that is no success says. A daemon of another version may have codes that we do not know, and something between
  /// us may answer without a problem document: then the status decides.
  init(_ head: ResponseHead, _ body: [UInt8]) {
    if let problem = try? JSONDecoder().decode(Problem.self, from: Data(body)) {
      self.init(problem)
      return
    }
    let told = try? JSONDecoder().decode(Told.self, from: Data(body))
    guard let text = told?.detail ?? told?.title else {
      self.init(.badReply, "jobqd answered with status \(head.status), and did not say why")
      return
    }
    self.init(Problem(Problem.Code(status: head.status), text))
  }

  /// The members of a problem document that RFC 9457 itself names.
  private struct Told: Decodable {
    var title: String?
    var detail: String?
  }

  /// A decoding error in a few words: where, and what.
  static func brief(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)".printable }
    let (context, missing): (DecodingError.Context, String?)
    switch error {
    case .keyNotFound(let key, let found): (context, missing) = (found, key.stringValue)
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
      (context, missing) = (found, nil)
    @unknown default: return "\(error)".printable
    }
    let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    let place = path.isEmpty ? "" : "\(path): "
    return (place + (missing.map { "\"\($0)\" is missing" } ?? context.debugDescription)).printable
  }
}

extension Problem.Code {
  fileprivate init(status: Int) {
    self = Problem.Code.allCases.first { $0.status == status } ?? (status < 500 ? .malformed : .fault)
  }
}
