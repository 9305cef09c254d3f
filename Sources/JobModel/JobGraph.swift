/// What a job waits for and what waits for it, the answer of `GET /v1/jobs/{id}/graph`: the nearest first, and how many
/// more there are.
package struct JobGraph: Sendable, Codable, Hashable {
  /// A job on one side. One that is reached in several ways stands there once, where it is nearest.
  package struct Node: Sendable, Codable, Hashable {
    package var id: JobID
    /// The job that waits for it, or on the other side that it waits for.
    package var of: JobID
    /// `after` or `after_any`.
    package var kind: String
    /// Null, as the next three, where it is no longer in the store.
    package var state: JobState?
    package var queue: String?
    package var name: String?
    package var command: [String]?

    package init(id: JobID, of: JobID, kind: String) {
      self.id = id
      self.of = of
      self.kind = kind
    }

    package enum CodingKeys: String, CodingKey, CaseIterable { case id, of, kind, state, queue, name, command }

    package func encode(to encoder: any Encoder) throws {
      var c = encoder.container(keyedBy: CodingKeys.self)
      try c.encode(id, forKey: .id)
      try c.encode(of, forKey: .of)
      try c.encode(kind, forKey: .kind)
      try c.encode(state, forKey: .state)
      try c.encode(queue, forKey: .queue)
      try c.encode(name, forKey: .name)
      try c.encode(command, forKey: .command)
    }
  }

  package struct Side: Sendable, Codable, Hashable {
    /// Each after the one that it is `of`.
    package var jobs: [Node]
    /// How many more there are, as far as was looked.
    package var more: Int
    /// False where there are more still: no more than `JobGraph.reach` are looked at.
    package var complete: Bool

    package init(jobs: [Node], more: Int, complete: Bool) {
      self.jobs = jobs
      self.more = more
      self.complete = complete
    }

    package enum CodingKeys: String, CodingKey, CaseIterable { case jobs, more, complete }
  }

  package var id: JobID
  package var state: JobState
  package var waitsFor: Side
  package var waitedForBy: Side

  /// How many jobs may be shown of each side.
  package static let limits = 0...1000
  /// How many are looked at.
  package static let reach = 2000

  package init(id: JobID, state: JobState, waitsFor: Side, waitedForBy: Side) {
    self.id = id
    self.state = state
    self.waitsFor = waitsFor
    self.waitedForBy = waitedForBy
  }

  package enum CodingKeys: String, CodingKey, CaseIterable {
    case id, state
    case waitsFor = "waits_for"
    case waitedForBy = "waited_for_by"
  }
}
