/// What a doctor found: the answer of `GET /v1/doctor`, and what `jobqd --doctor` prints.
package struct Diagnosis: Sendable, Codable, Hashable {
  package enum Grade: String, Sendable, Codable, CaseIterable {
    case ok
    /// It works, but somebody should know.
    case warn
    /// It does not work, or loses what it holds sooner or later.
    case bad
  }

  /// One thing that was looked at.
  package struct Finding: Sendable, Codable, Hashable {
    package var grade: Grade
    /// What was looked at, in a word or two.
    package var what: String
    /// What was found, with full paths and units.
    package var detail: String
    /// What to do; null where there is nothing to be done.
    package var advice: String?

    package init(_ grade: Grade, _ what: String, _ detail: String, advice: String? = nil) {
      self.grade = grade
      self.what = what
      self.detail = detail
      self.advice = advice
    }

    package func encode(to encoder: any Encoder) throws {
      var c = encoder.container(keyedBy: CodingKeys.self)
      try c.encode(grade, forKey: .grade)
      try c.encode(what, forKey: .what)
      try c.encode(detail, forKey: .detail)
      try c.encode(advice, forKey: .advice)
    }

    package enum CodingKeys: String, CodingKey, CaseIterable { case grade, what, detail, advice }
  }

  package var findings: [Finding]

  package init(_ findings: [Finding]) { self.findings = findings }

  /// The worst that was found.
  package var grade: Grade {
    if findings.contains(where: { $0.grade == .bad }) { return .bad }
    return findings.contains { $0.grade == .warn } ? .warn : .ok
  }

  /// 0, or 1 where something is bad: a warning is no failure.
  package var exitCode: Int32 { grade == .bad ? 1 : 0 }

  /// A line for each finding: `ok|warn|bad  what  detail → what to do`.
  package var text: String {
    let width = findings.map(\.what.count).max() ?? 0
    return findings.map { finding in
      let grade = finding.grade.rawValue + String(repeating: " ", count: 4 - finding.grade.rawValue.utf8.count)
      let what = finding.what.printable + String(repeating: " ", count: width - finding.what.count)
      let advice = finding.advice.map { " → \($0.printable)" } ?? ""
      return "\(grade)  \(what)  \(finding.detail.printable)\(advice)\n"
    }.joined()
  }

  package init(from decoder: any Decoder) throws {
    findings = try decoder.container(keyedBy: CodingKeys.self).decode([Finding].self, forKey: .findings)
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(grade, forKey: .grade)
    try c.encode(findings, forKey: .findings)
  }

  package enum CodingKeys: String, CodingKey, CaseIterable { case grade, findings }

  /// A number of bytes for people: `17 MiB`.
  package static func size(_ bytes: Int64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, Int64)] where bytes >= 10 << shift {
      return "\(bytes >> shift) \(unit)"
    }
    return "\(bytes) bytes"
  }
}
