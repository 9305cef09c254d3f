import CJobProcess
import Glibc

/// What descriptors have to tell, epoll(7). Each is watched under a number of the caller's, by which it is told.
struct EventQueue {
  enum Interest {
    /// As long as there is something to read, or no writer is left.
    case readable
    /// The next time only.
    case readableOnce
    /// A file of a cgroup has changed, and has not been read since.
    case changed

    fileprivate var bits: UInt32 {
      switch self {
      case .readable: EPOLLIN.rawValue
      case .readableOnce: EPOLLIN.rawValue | EPOLLONESHOT.rawValue
      case .changed: EPOLLPRI.rawValue
      }
    }
  }

  private let queue: Descriptor
  private let buffer = EventBuffer(capacity: 64)

  init() throws(Failure) {
    queue = Descriptor(try System.check("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
  }

  func add(_ descriptor: Descriptor, _ interest: Interest, number: UInt64) throws(Failure) {
    var event = unsafe epoll_event(events: interest.bits, data: epoll_data_t(u64: number))
    _ = try System.check("epoll_ctl") { unsafe epoll_ctl(queue.raw, EPOLL_CTL_ADD, descriptor.raw, &event) }
  }

  /// Watches it no longer. To close it is not enough: a child between clone and exec has a copy, and as long as that is
  /// open it is told of.
  func remove(_ descriptor: Descriptor) {
    var event = unsafe epoll_event()
    // It fails only where the descriptor was never added.
    unsafe epoll_ctl(queue.raw, EPOLL_CTL_DEL, descriptor.raw, &event)
  }

  /// Waits for something to be told, and calls with the number of each descriptor that has.
  func wait(_ body: (UInt64) -> Void) {
    let count = unsafe epoll_wait(queue.raw, buffer.start, buffer.capacity, -1)
    // Interrupted, it tells nothing.
    for index in 0..<max(0, Int(count)) { body(unsafe buffer.start[index].data.u64) }
  }
}

/// Room for the kernel's answers, kept from turn to turn.
@safe private final class EventBuffer {
  let start: UnsafeMutablePointer<epoll_event>
  let capacity: Int32

  init(capacity: Int32) {
    self.capacity = capacity
    unsafe start = .allocate(capacity: Int(capacity))
    unsafe start.initialize(repeating: epoll_event(), count: Int(capacity))
  }

  deinit { unsafe start.deallocate() }
}
