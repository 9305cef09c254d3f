/// How a request names a job that it depends on: by its number, or, among the lines of one body, by the `ref` that
/// another line gives itself. In JSON a number or a string.
package enum JobReference: Hashable, Sendable, Codable {
  case id(JobID)
  case ref(String)

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let id = try? container.decode(JobID.self) {
      self = .id(id)
    } else if let ref = try? container.decode(String.self) {
      self = .ref(ref)
    } else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a job's number, or the ref of another line, is expected")
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .id(let id): try container.encode(id)
    case .ref(let ref): try container.encode(ref)
    }
  }

  package var id: JobID? { if case .id(let id) = self { id } else { nil } }
  package var ref: String? { if case .ref(let ref) = self { ref } else { nil } }
}
