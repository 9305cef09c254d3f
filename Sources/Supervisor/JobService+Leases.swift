package import JobModel
import JobStore

extension JobService {
  /// Hands payload jobs of a queue to an outside worker, best first; waits where there is none, as long as the
  /// request says. Empty where the time is up, the queue is paused, the daemon drains or stops, or the calling
  /// task is cancelled.
  ///
  /// A lease counts against the queue's limit, and not against the workers. `viewer`: as in `job`.
  package func lease(_ request: LeaseRequest, queue: String, viewer: UInt32?) async throws(Problem) -> LeaseGrant {
    let terms: LeaseTerms
    do throws(InvalidValue) { terms = try request.checked(queue: queue) } catch { throw Problem(error) }
    var grant = LeaseGrant(jobs: try await supervisor.lease(terms))
    grant.mask(for: viewer)
    return grant
  }

  /// What workers say of their leases: each is done or refused for itself, all in one commit, on the disk before
  /// this returns.
  package func settle(_ reports: LeaseReports) async throws(Problem) -> LeaseVerdicts {
    do throws(InvalidValue) { try reports.check() } catch { throw Problem(error) }
    var all = reports.complete.map { LeaseReport(id: $0.id, token: $0.lease, word: .complete($0.result)) }
    for fail in reports.fail {
      let error = fail.error?.cut(to: LeaseReports.errorBytes) ?? "its worker failed it, and did not say why"
      all.append(
        LeaseReport(
          id: fail.id, token: fail.lease,
          word: .fail(error: error, retry: fail.retry ?? true, random: supervisor.random())))
    }
    all += reports.extend.map { LeaseReport(id: $0.id, token: $0.lease, word: .extend($0.span)) }
    let verdicts = try await supervisor.settle(all)[...]
    let (completed, failed) = (reports.complete.count, reports.fail.count)
    return LeaseVerdicts(
      complete: Array(verdicts.prefix(completed)), fail: Array(verdicts.dropFirst(completed).prefix(failed)),
      extend: Array(verdicts.dropFirst(completed + failed)))
  }
}

extension String {
  /// At most so many bytes of UTF-8, whole characters.
  fileprivate func cut(to bytes: Int) -> String {
    guard utf8.count > bytes else { return self }
    var end = utf8.index(startIndex, offsetBy: bytes - "…".utf8.count)
    while end > startIndex, String.Index(end, within: unicodeScalars) == nil { end = utf8.index(before: end) }
    return self[..<end] + "…"
  }
}
