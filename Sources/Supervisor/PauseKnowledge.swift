/// Whether all queues are known to be paused, so that no claim need be asked for each job that comes meanwhile. The
/// store's word counts, and it judges each claim by it: this only ever saves a question.
///
/// Two calls that overlap may be answered in another order than the store did them. Then nothing is known.
struct PauseKnowledge: Sendable, Hashable {
  private(set) var isCertain = false
  private var underWay = 0
  private var haveOverlapped = false

  mutating func asked() {
    haveOverlapped = underWay > 0
    underWay += 1
    isCertain = false
  }

  mutating func answered(_ isPaused: Bool?) {
    underWay -= 1
    guard underWay == 0 else { return }
    isCertain = isPaused == true && !haveOverlapped
  }

  /// Something may have ended the pause.
  mutating func forget() { isCertain = false }
}
