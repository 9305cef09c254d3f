/// Taking the output.
extension ReactorLoop {
  func copyOutput(_ attempt: RunningAttempt, _ index: Int) {
    guard let pipe = attempt.outputs[index].pipe else { return }
    if attempt.outputs[index].writer.copy(from: pipe, discard: null) == .ended { close(attempt, index) }
    parts.board.grew(attempt.launch.key, attempt.outputs[index].stream, to: attempt.outputs[index].writer.end)
  }

  /// Takes what is still in the pipes. The tree is gone: who else holds a writing end is no concern of the job,
  /// and is not waited for.
  func drain(_ attempt: RunningAttempt) {
    for index in attempt.outputs.indices {
      guard let pipe = attempt.outputs[index].pipe else { continue }
      let most = attempt.outputs[index].writer.end + Self.largestPipe
      while attempt.outputs[index].writer.copy(from: pipe, discard: null) == .moved,
        attempt.outputs[index].writer.end < most
      {}
      close(attempt, index)
    }
  }

  func close(_ attempt: RunningAttempt, _ index: Int) {
    if let pipe = attempt.outputs[index].pipe { queue.remove(pipe) }
    attempt.outputs[index].pipe = nil
  }

  /// pipe(7): what an unprivileged process may make of a pipe.
  private static let largestPipe: Int64 = 1 << 20
}
