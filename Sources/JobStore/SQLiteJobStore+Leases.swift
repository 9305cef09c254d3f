package import JobModel
import SQLite

extension SQLiteJobStore {
  package func lease(_ terms: LeaseTerms, room: QueueRoom, at moment: Moment) async throws(StoreError) -> GrantedLeases
  {
    let written = try await write(isSynced: false, looksAtQueues: false) { table in
      try table.lease(terms, room: room, at: moment)
    }
    return try written.told()
  }

  package func giveBack(_ leases: [LeasedJob], at moment: Moment) async throws(StoreError) {
    try await write(isSynced: false) { table in try table.giveBack(leases, at: moment) }
  }

  package func settle(_ reports: [LeaseReport], at moment: Moment) async throws(StoreError) -> [SettledLease] {
    var encoded: [EncodedReport] = []
    encoded.reserveCapacity(reports.count)
    for report in reports { encoded.append(try EncodedReport(report)) }
    let all = encoded
    return try await write(weight: all.count, looksAtQueues: false) { table in try table.settle(all, at: moment) }
  }

  package func expireLeases(at moment: Moment, limit: Int) async throws(StoreError) -> ExpiryReport {
    try await write { table in try table.expireLeases(at: moment, limit: limit) }
  }

  package func leases() async throws(StoreError) -> [HeldLease] { try await read { try $0.leases() } }
}
