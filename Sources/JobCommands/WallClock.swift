import Glibc
import JobModel

extension Timestamp {
  /// CLOCK_REALTIME, now.
  static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}

/// `--at TIME`: RFC 3339, or a time of day where the caller is.
enum StartTime: Hashable {
  case at(Timestamp)
  case timeOfDay(hour: Int, minute: Int, second: Int)

  /// Nil for anything else.
  init?(_ text: String) {
    if let time = Timestamp(rfc3339: text) {
      self = .at(time)
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part -> Int? in
      (1...2).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
    }
    guard (2...3).contains(parts.count), numbers.count == parts.count, numbers[0] < 24, numbers[1] < 60,
      numbers.count == 2 || numbers[2] < 60
    else { return nil }
    self = .timeOfDay(hour: numbers[0], minute: numbers[1], second: numbers.count == 3 ? numbers[2] : 0)
  }

  /// The time that is meant, by the local rules (`TZ`, else /etc/localtime): a time of day that is past means tomorrow's. A time
  /// that the clocks skip in spring is the one an hour later; of one that comes twice in autumn, mktime(3) chooses.
  func resolved(now: Timestamp) -> Timestamp { resolved(now: now, days: 0, 1) { $0 >= now } }

  /// The same of what has been: a time of day that is still to come means yesterday's.
  func resolvedInPast(now: Timestamp) -> Timestamp { resolved(now: now, days: 0, -1) { $0 <= now } }

  /// The first of the two days on which the time fits, or else the second.
  private func resolved(now: Timestamp, days first: Int32, _ second: Int32, fits: (Timestamp) -> Bool) -> Timestamp {
    switch self {
    case .at(let time): return time
    case .timeOfDay(let hour, let minute, let seconds):
      var clock = time_t(now.milliseconds / 1000)
      var local = tm()
      tzset()
      localtime_r(&clock, &local)
      func moment(_ days: Int32) -> Timestamp {
        var wanted = local
        wanted.tm_mday += days
        (wanted.tm_hour, wanted.tm_min, wanted.tm_sec) = (Int32(hour), Int32(minute), Int32(seconds))
        wanted.tm_isdst = -1
        return Timestamp(milliseconds: Int64(mktime(&wanted)) * 1000)
      }
      let time = moment(first)
      return fits(time) ? time : moment(second)
    }
  }
}

/// `--since TIME` and `--until TIME`: a time, or how long ago.
enum PastTime: Hashable {
  case time(StartTime)
  case ago(TimeSpan)

  /// Nil for anything else than RFC 3339, a time of day, or a duration.
  init?(_ text: String) {
    if let span = TimeSpan(text) {
      self = .ago(span)
    } else if let time = StartTime(text) {
      self = .time(time)
    } else {
      return nil
    }
  }

  func resolved(now: Timestamp) -> Timestamp {
    switch self {
    case .time(let time): time.resolvedInPast(now: now)
    case .ago(let span): Timestamp(milliseconds: now.milliseconds - span.milliseconds)
    }
  }
}
