import Dispatch
import JobModel
import Supervisor
import TimeZones

/// The time zones of the host, read on threads that may block.
enum SystemZones {
  private static let queue = DispatchQueue(label: "jobq.zones")

  static let lookup: ZoneLookup = { name throws(InvalidValue) in
    let found: Result<TimeZoneRules, TimeZoneError> = await withCheckedContinuation { continuation in
      queue.async {
        continuation.resume(returning: Result { () throws(TimeZoneError) in try TimeZoneFile().rules(of: name) })
      }
    }
    do throws(TimeZoneError) { return try found.get() } catch { throw InvalidValue("timezone", "\(error)") }
  }
}
