package import JobModel
import SQLite

extension SQLiteJobStore {
  package func lease(_ terms: LeaseTerms, at moment: Moment) async throws(StoreError) -> [LeasedAttempt] {
    var leases = try await write(isSynced: false) { table, isSynced in
      try table.lease(terms, isSynced: isSynced, at: moment)
    }
    for index in leases.indices {
      guard case .string(let text)? = leases[index].job.payload else { continue }
      do throws(SQLiteError) {
        leases[index].job.payload = try JSONText.value(text)
      } catch {
        throw StoreError(.storage(.damaged), "job \(leases[index].job.id): \(error.message)")
      }
    }
    return leases
  }

  package func giveBack(_ leases: [LeasedAttempt], at moment: Moment) async throws(StoreError) {
    try await write(isSynced: false) { table, _ in try table.giveBack(leases, at: moment) }
  }

  package func settle(_ reports: [LeaseReport], at moment: Moment) async throws(StoreError) -> [SettledLease] {
    var encoded: [EncodedReport] = []
    encoded.reserveCapacity(reports.count)
    for report in reports { encoded.append(try EncodedReport(report)) }
    let all = encoded
    return try await write(weight: all.count) { table, _ in try table.settle(all, at: moment) }
  }

  package func expireLeases(at moment: Moment, limit: Int) async throws(StoreError) -> ExpiryReport {
    try await write { table, _ in try table.expireLeases(at: moment, limit: limit) }
  }

  package func leases() async throws(StoreError) -> [HeldLease] { try await read { try $0.leases() } }
}
