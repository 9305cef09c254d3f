extension Schedule {
  /// The due times after `start` up to and with `end`, in order; of more than `limit` the newest, and then `isCut`.
  ///
  /// Looked for from the end backwards, in stretches that grow, so that a decade of seconds costs no more than a day.
  package func dueTimes(after start: Timestamp, through end: Timestamp, newest limit: Int)
    -> (times: [Timestamp], isCut: Bool)
  {
    var stretch = TimeSpan.hours(1)
    while true {
      let from = max(start, Timestamp(milliseconds: end.milliseconds - stretch.milliseconds))
      var times: [Timestamp] = []
      var time = from
      while let next = next(after: time), next <= end {
        times.append(next)
        time = next
      }
      if times.count >= limit || from == start {
        let isOlder = from > start && next(after: start).map { $0 <= from } == true
        return (Array(times.suffix(limit)), isCut: times.count > limit || isOlder)
      }
      stretch = TimeSpan(milliseconds: stretch.milliseconds * 8)
    }
  }
}
