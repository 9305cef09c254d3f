import JobModel

/// One thing that is wrong in a configuration file.
package struct Complaint: Sendable, Hashable {
  /// From 1; nil where the file as a whole is meant.
  package var line: Int?
  /// The key with those that it stands under, `queues.mail.concurrency`; nil where no key is meant.
  package var key: String?
  /// What is expected, and what stands there.
  package var message: String
}

/// Why a configuration file cannot be taken: everything that is wrong in it, in the order of its lines. jobqd
/// exits 78 (EX_CONFIG).
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  package var file: String
  package var complaints: [Complaint]

  init(file: String, _ complaints: [Complaint]) {
    self.file = file
    self.complaints = complaints.enumerated()
      .sorted { ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset) }
      .map(\.element)
  }

  /// A line for each complaint, as compilers write them: `/etc/jobq/jobq.yaml:12: queues.mail.rate: …`.
  package var description: String {
    complaints.map { complaint in
      let place = complaint.line.map { "\(file):\($0)" } ?? file
      return ([place] + [complaint.key, complaint.message].compactMap { $0 }).joined(separator: ": ")
    }
    .joined(separator: "\n")
  }
}
