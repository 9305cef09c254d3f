extension Timestamp {
  /// RFC 3339 as a clock `offset` seconds east of UTC shows it: `2026-03-29T03:00:00+02:00`, with milliseconds where
  /// there are any. RFC 3339 has no seconds in an offset (some zones had them long ago): the same instant is
  /// then told with the offset's whole minutes.
  package func rfc3339(offset: Int) -> String {
    let minutes = offset / 60
    let local = self + .minutes(Int64(minutes))
    let fraction = milliseconds.floorDivided(by: 1000) * 1000 == milliseconds ? 19 : 23
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let size = abs(minutes)
    return local.rfc3339.prefix(fraction) + (minutes < 0 ? "-" : "+") + two(size / 60) + ":" + two(size % 60)
  }
}
