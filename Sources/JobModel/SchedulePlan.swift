/// What is to be done about the due times of a schedule that have come: decided here once for all, as a value, from the
/// facts alone.
package struct SchedulePlan: Sendable, Hashable {
  /// What becomes of one due time.
  package enum Step: Sendable, Hashable {
    case enqueue(Timestamp)
    /// A job of the schedule's is in the way, or a newer due time takes its place.
    case skip(Timestamp)
    case miss(Timestamp)

    package var due: Timestamp {
      switch self {
      case .enqueue(let due), .skip(let due), .miss(let due): due
      }
    }
  }

  /// In the order of the due times; at most `limit`.
  package var steps: [Step]
  /// What is left of the schedule's earlier jobs is to be cancelled first.
  package var cancelsPrevious: Bool
  /// The newest due time that has been dealt with.
  package var lastDue: Timestamp
  /// The first due time that has not; nil where there is none.
  package var nextDue: Timestamp?
  /// There were more than `limit` due times; the oldest are passed over unrecorded.
  package var isCut: Bool

  /// The most due times that one plan deals with, and so the most jobs that a long absence can bring about.
  package static let limit = 1000
  /// How late a due time may be dealt with and still be on time: the minute that cron itself counts in, unless the next
  /// due time has come by then. The alarm is exact; this is for a host that sleeps, a clock that is set, a disk that is
  /// full, a machine under load.
  package static let tolerance = TimeSpan.seconds(60)

  /// - Parameters:
  ///   - schedule: its expression, zone and anchor.
  ///   - firstDue: the due time that is waited for; not after `now`.
  ///   - since: the moment from which due times have been looked after: what was due before it has been missed.
  ///   - isBusy: a job of the schedule's has not ended.
  package init(
    _ schedule: Schedule, missed: MissedPolicy, overlap: OverlapPolicy, firstDue: Timestamp, since: Timestamp,
    isBusy: Bool, now: Timestamp
  ) {
    let later = schedule.dueTimes(after: firstDue, through: now, newest: Self.limit)
    let isFull = later.isCut || later.times.count == Self.limit
    let due = isFull ? later.times : [firstDue] + later.times
    isCut = isFull
    lastDue = due.last ?? firstDue
    nextDue = schedule.next(after: lastDue)

    let newest = lastDue
    let isNewestOnTime = newest >= since && now - newest <= Self.tolerance
    func isMissed(_ time: Timestamp) -> Bool { time != newest || !isNewestOnTime }
    func isRun(_ time: Timestamp) -> Bool {
      switch missed {
      case .skip: !isMissed(time)
      case .once: time == newest
      case .all: true
      }
    }
    let newestRun = due.last(where: isRun)
    var isBusy = isBusy
    cancelsPrevious = isBusy && overlap == .cancelPrevious && newestRun != nil
    steps = due.map { time in
      guard isRun(time) else { return .miss(time) }
      switch overlap {
      case .queue: return .enqueue(time)
      case .cancelPrevious:
        // All but the newest would be cancelled at once.
        return time == newestRun ? .enqueue(time) : .skip(time)
      case .skip:
        // `all` asks for a job for each that was missed: they wait for nobody.
        guard !isBusy || (missed == .all && isMissed(time)) else { return .skip(time) }
        isBusy = true
        return .enqueue(time)
      }
    }
  }
}
