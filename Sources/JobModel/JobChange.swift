/// One state change of a job, as the store committed it: what events, waiters and the scheduler live on.
package struct JobChange: Sendable, Hashable, Codable {
  package var id: JobID
  package var queue: String
  /// Nil for a new job.
  package var from: JobState?
  /// Nil for a removed job.
  package var to: JobState?
  package var attempt: Int
  package var at: Timestamp
  /// Of the attempt that this change ended.
  package var outcome: Outcome?
  /// A cancel was recorded while an attempt runs.
  package var cancelling: Bool
  /// When that began which this change ends: the run, where it ends an attempt; the wait, where it is a job's first
  /// start (from the time at which it might have started). For measuring, not for the wire.
  package var since: Timestamp?
  /// Whoever asked for it tells the scheduler of it too, with the answer: the end of a lease by its worker's word. Not for
  /// the wire.
  package var isReported = false

  package init(
    id: JobID, queue: String, from: JobState?, to: JobState?, attempt: Int, at: Timestamp, outcome: Outcome? = nil,
    cancelling: Bool = false, since: Timestamp? = nil
  ) {
    self.id = id
    self.queue = queue
    self.from = from
    self.to = to
    self.attempt = attempt
    self.at = at
    self.outcome = outcome
    self.cancelling = cancelling
    self.since = since
  }

  package func encode(to encoder: any Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(id, forKey: .id)
    try c.encode(queue, forKey: .queue)
    try c.encode(from, forKey: .from)
    try c.encode(to, forKey: .to)
    try c.encode(attempt, forKey: .attempt)
    try c.encode(at, forKey: .at)
    try c.encode(outcome, forKey: .outcome)
    try c.encode(cancelling, forKey: .cancelling)
  }

  enum CodingKeys: String, CodingKey { case id, queue, from, to, attempt, at, outcome, cancelling }
}
