import JobModel

/// An attempt as the reactor's thread knows it: its machine, and the descriptors by which it is watched.
final class RunningAttempt {
  private(set) var spawned: SpawnedAttempt
  var machine: AttemptMachine
  var outputs: [Output]
  /// Known once the leader has ended.
  var usage: ResourceUsage?

  /// With a cgroup: open from when the leader ended and others had not.
  var cgroupEvents: Descriptor?
  var hasRemovedCgroup = false

  /// Without one: how far its end has come, which processes are waited for, and the number of the sweep that
  /// may say so.
  var stage = SessionTree.Stage.look
  var members: [Descriptor] = []
  var membersAlive = 0
  var sweep: UInt64 = 0
  /// In how many milliseconds to look again, where no process's end will tell.
  var checkPause: Int64 = 10

  struct Output {
    var stream: LogStream
    var writer: LogWriter
    /// Nil once no writer is left.
    var pipe: Descriptor?
  }

  init(_ spawned: SpawnedAttempt, machine: AttemptMachine, shelf: LogShelf) {
    self.spawned = spawned
    self.spawned.outputs = []
    self.machine = machine
    let plan = spawned.launch.plan
    outputs = spawned.outputs.map { stream, pipe in
      let names = LogNames(plan.key, stream: stream)
      return Output(stream: stream, writer: LogWriter(shelf: shelf, names: names, logMax: plan.logMax), pipe: pipe)
    }
  }

  var launch: Launch { spawned.launch }
  var serial: UInt64 { spawned.launch.serial }

  /// The ending with what is known besides how: the resources, and output that could not be kept.
  func completed(_ ending: AttemptEnding) -> AttemptEnding {
    var ending = ending
    if let usage {
      ending.userSeconds = usage.userSeconds
      ending.systemSeconds = usage.systemSeconds
      ending.maxRSSBytes = usage.maxRSSBytes
    }
    if ending.error == nil, let output = outputs.first(where: { $0.writer.failure != nil }),
      let failure = output.writer.failure
    {
      ending.error = ProcessError("\(output.writer.lost) bytes of its output could not be kept", failure).message
    }
    return ending
  }
}
