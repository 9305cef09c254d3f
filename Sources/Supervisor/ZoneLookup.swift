package import JobModel

/// Reads the rules of a time zone by its name, off the cooperative pool. Throws `InvalidValue` for `timezone` where
/// there is no such zone or it cannot be read, and says what to do.
package typealias ZoneLookup = @Sendable (_ name: String) async throws(InvalidValue) -> TimeZoneRules

package enum ZoneLookups {
  /// UTC, as any name of the host's own zone too, and no other: for a host without zones.
  package static let utc: ZoneLookup = { name throws(InvalidValue) in
    guard name == "UTC" || name == ScheduleDefinition.localZone else {
      throw InvalidValue("timezone", "\"\(name.printable)\" is not known here; UTC is")
    }
    return .utc
  }
}
