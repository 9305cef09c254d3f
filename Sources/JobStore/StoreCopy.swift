import Dispatch
import Glibc
import Synchronization

/// A copy of a store: whole, checked, and in a file that has no name any more. Its room on the disk is given back with
/// the last reference to it.
package final class StoreCopy: Sendable {
  /// How far the first number that a restored copy gives lies beyond the last one that was given when it was made.
  package static let skippedNumbers: Int64 = 1_000_000_000

  /// In bytes.
  package let size: Int64
  private let descriptor: Int32
  private let slot: CopySlot
  /// Where reading may block.
  private let queue = DispatchQueue(label: "jobq.copy")

  /// Owns the descriptor and the slot from here on.
  init(descriptor: Int32, size: Int64, slot: CopySlot) {
    self.descriptor = descriptor
    self.size = size
    self.slot = slot
  }

  deinit {
    close(descriptor)
    slot.leave()
  }

  /// Up to `count` bytes from `offset` on; empty at the end.
  /// - Throws: `.storage` where the disk fails.
  package func read(from offset: Int64, count: Int) async throws(StoreError) -> [UInt8] {
    let result: Result<[UInt8], StoreError> = await withCheckedContinuation { continuation in
      queue.async { [self] in
        var bytes = [UInt8](repeating: 0, count: count)
        let read = pread(descriptor, &bytes, count, off_t(offset))
        guard read >= 0 else { return continuation.resume(returning: .failure(.system("read", "the copy", errno))) }
        bytes.removeLast(count - read)
        continuation.resume(returning: .success(bytes))
      }
    }
    return try result.get()
  }
}

/// Room for one copy: a second would take as much of the disk again.
final class CopySlot: Sendable {
  private let isTaken = Atomic(false)

  /// False where it is taken.
  func take() -> Bool { !isTaken.exchange(true, ordering: .acquiringAndReleasing) }
  func leave() { isTaken.store(false, ordering: .releasing) }
}
