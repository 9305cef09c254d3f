package import JobModel
package import JobStore

/// Jobs that are to be added together, all or none. Each is checked as it comes, and kept as the store takes it: of a large
/// body neither its text nor its requests are held, which would be several times as much.
package struct JobBatch: Sendable {
  private let defaults: JobDefaults
  private let submitter: Submitter?
  fileprivate var jobs: [EncodedSpec] = []
  fileprivate var links: [RequestLinks] = []
  fileprivate var directories: Set<String> = []

  fileprivate init(defaults: JobDefaults, submitter: Submitter?) {
    self.defaults = defaults
    self.submitter = submitter
  }

  /// Throws for a value that cannot be.
  package mutating func add(_ request: JobRequest) throws(Problem) {
    let spec = try EncodedSpec(request, defaults: defaults, by: submitter)
    if let directory = spec.cwd { directories.insert(directory) }
    links.append(RequestLinks(request))
    jobs.append(spec)
  }
}

extension EncodedSpec {
  /// What the request asks for. Throws for a value that cannot be.
  convenience init(_ request: borrowing JobRequest, defaults: JobDefaults, by submitter: Submitter?) throws(Problem) {
    let spec: JobSpec
    do throws(InvalidValue) {
      spec = try request.checked(defaults: defaults, submittedBy: submitter)
    } catch {
      throw Problem(error)
    }
    do throws(StoreError) { try self.init(consume spec) } catch { throw Problem(error) }
  }
}

extension JobService {
  /// An empty one, whose jobs get what is left open as it is set now. Throws where no new work is taken.
  package func batch(by submitter: Submitter?) throws(Problem) -> JobBatch {
    JobBatch(defaults: try supervisor.intake.defaults(), submitter: submitter)
  }

  /// Adds the jobs, all or none, and answers in their order. The problem of one has its number, from 1, as `line`.
  package func enqueue(_ batch: JobBatch) async throws(Problem) -> [Enqueued] {
    // A drain or a stop may have begun since.
    _ = try supervisor.intake.defaults()
    try await refuseClosedDirectories(batch.directories)
    let graph: RequestGraph?
    do throws(RequestGraph.Flaw) {
      graph = try RequestGraph(batch.links)
    } catch {
      var problem = Problem(error.value)
      problem.line = error.index + 1
      throw problem
    }
    guard let graph else {
      return try await asking { store throws(StoreError) in try await store.enqueue(batch.jobs, at: now) }
    }
    let sorted = graph.order.indices.map {
      batch.jobs[graph.order[$0]].placed(after: graph.after[$0], afterAny: graph.afterAny[$0])
    }
    let answers = try await asking { store throws(StoreError) in try await store.enqueue(sorted, at: now) }
    return zip(graph.order, answers).sorted { $0.0 < $1.0 }.map(\.1)
  }
}
