import JobModel

/// What the writer knows of the database without asking: it alone changes it. After a rollback it is forgotten where it may
/// not be true any more, and read again when it is next needed.
struct WriterMemory {
  /// The numbers of jobs that were given out.
  var numbers: JobNumbers?
  /// Which tables hold anything.
  var ties: JobReader.Ties?
  /// By which label each limited queue is counted: the rows of `keys`.
  var keyLabels: [String: String]?
  var ready = ReadyQueues()

  /// Some of what was done in the transaction, or all of it, has been rolled back.
  mutating func forget() {
    (numbers, ties, keyLabels) = (nil, nil, nil)
    ready.forgetTouched()
  }
}

/// The numbers of jobs: each is given out once, also where its job has been removed.
///
/// AUTOINCREMENT promises the same, for one more page of the log in every transaction that adds a job: it writes the
/// newest number each time. Here it is written when a job is removed that could have been the witness of it.
struct JobNumbers {
  /// The newest that was given out.
  var last: Int64
  /// As far as the database says so even without its jobs.
  var kept: Int64
}

/// The queues that are not paused and have a job queued. What is done here costs by the queues that are asked for or
/// touched, never by all that there are.
struct ReadyQueues {
  struct Standing {
    var queued: Int
    var isPaused: Bool

    var isReady: Bool { queued > 0 && !isPaused }
  }

  private(set) var names: Set<String> = []
  private var standings: [String: Standing] = [:]
  /// To be read anew.
  private(set) var unknown: Set<String> = []
  /// In the transaction so far.
  private var touched: Set<String> = []

  mutating func set(_ queue: String, _ standing: Standing?) {
    standings[queue] = standing
    unknown.remove(queue)
    if standing?.isReady == true { names.insert(queue) } else { names.remove(queue) }
  }

  /// Its count of queued jobs has changed.
  mutating func note(_ change: Int, in queue: String) {
    guard change != 0 else { return }
    touched.insert(queue)
    guard var standing = standings[queue] else {
      _ = unknown.insert(queue)
      return
    }
    standing.queued += change
    standings[queue] = standing
    if standing.isReady { names.insert(queue) } else { names.remove(queue) }
  }

  /// It was paused, or let go on.
  mutating func note(pauseOf queue: String) {
    touched.insert(queue)
    unknown.insert(queue)
  }

  mutating func forgetTouched() { unknown.formUnion(touched) }

  /// The transaction has been committed.
  mutating func settle() { touched.removeAll(keepingCapacity: true) }
}
