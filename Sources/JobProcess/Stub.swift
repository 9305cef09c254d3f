package import JobModel

package struct StartedProcess: Sendable {
  package var pid: Int32
  package var startTime: UInt64
  package var bootID: String
}
package struct LeftoverProcess: Sendable {
  package init(id: JobID, attempt: Int, pid: Int32?, startTime: UInt64?, bootID: String?) {}
}
package struct LogChunk: Sendable {
  package var bytes: [UInt8]
  package var next: Int64
}
package struct LogReader: Sendable {
  package func read(from: Int64, max: Int) async throws -> LogChunk { fatalError() }
  package func offset(ofLastLines n: Int) async -> Int64 { 0 }
}
package struct LogDirectory: Sendable {
  package func reader(_ id: JobID, attempt: Int, stream: LogStream) -> LogReader { fatalError() }
  package func remove(_ ids: [JobID]) async {}
}
package final class ProcessRunner: Sendable {
  package let containment: Containment = .session
  package var logs: LogDirectory { fatalError() }
  package func run(_ plan: AttemptPlan, started: @Sendable (StartedProcess) -> Void, unkillable: @Sendable () -> Void)
    async -> AttemptEnding?
  { nil }
  package func limitGrace(to: TimeSpan) {}
  package func abandonUnkillable() {}
  package func endLeftovers(_ leftovers: [LeftoverProcess]) async -> [JobID] { [] }
  package func waitForOutput(_ id: JobID, attempt: Int, stream: LogStream, beyond offset: Int64) async -> Bool { false }
  package func shutdown() async {}
}
