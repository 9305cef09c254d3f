import CLinux
import Glibc
package import JobModel
import Synchronization

/// The clocks, and one alarm for each. Injected, so that tests decide what time it is.
package protocol TimeSource: Sendable {
  func now() -> Moment
  /// Sets both alarms; nil disarms one. `onAlarm` is called once CLOCK_REALTIME or CLOCK_BOOTTIME reaches its
  /// time, at once
  /// where it already has, and whenever the wall clock is set.
  func arm(wall: Timestamp?, boot: Int64?)
  func onAlarm(_ handler: @escaping @Sendable () -> Void)
}

/// The kernel's clocks: one timerfd(2) each and one thread that sleeps in poll(2) until one goes off. A wall
/// clock that is set
/// wakes it by TFD_TIMER_CANCEL_ON_SET.
package final class SystemTime: TimeSource {
  private let wallTimer: Int32
  private let bootTimer: Int32
  private let quit: Int32
  private let handler = Mutex<(@Sendable () -> Void)?>(nil)

  /// Throws errno's text where the kernel has no descriptor or thread left.
  package init() throws {
    wallTimer = timerfd_create(CLOCK_REALTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
    bootTimer = timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
    quit = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wallTimer >= 0, bootTimer >= 0, quit >= 0 else { throw SystemCallError(call: "timerfd_create", errno: errno) }
  }

  package func now() -> Moment {
    Moment(
      wall: Timestamp(milliseconds: Self.milliseconds(CLOCK_REALTIME)), boot: Self.milliseconds(CLOCK_BOOTTIME))
  }

  package func onAlarm(_ handler: @escaping @Sendable () -> Void) { self.handler.withLock { $0 = handler } }

  package func arm(wall: Timestamp?, boot: Int64?) {
    // Without a time the wall timer still watches for the clock being set: far away, not disarmed.
    Self.set(
      wallTimer, at: wall?.milliseconds ?? Self.milliseconds(CLOCK_REALTIME) + TimeSpan.days(3650).milliseconds,
      flags: Int32(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
    Self.set(bootTimer, at: boot ?? 0, flags: Int32(TFD_TIMER_ABSTIME))
  }

  /// Starts the thread. It lives until `stop`.
  package func start() throws {
    let box = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<SystemTime>.fromOpaque(raw!).takeRetainedValue().watch()
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      box.release()
      throw SystemCallError(call: "pthread_create", errno: code)
    }
    pthread_detach(thread)
  }

  package func stop() {
    var one: UInt64 = 1
    _ = write(quit, &one, 8)
  }

  private func watch() {
    var fds = [wallTimer, bootTimer, quit].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      let ready = poll(&fds, nfds_t(fds.count), -1)
      if ready < 0, errno == EINTR { continue }
      if fds[2].revents != 0 { break }
      for fd in [wallTimer, bootTimer] {
        // ECANCELED tells that the wall clock was set; either way there is something to look at.
        var expirations: UInt64 = 0
        _ = read(fd, &expirations, 8)
      }
      handler.withLock { $0 }?()
    }
    close(wallTimer)
    close(bootTimer)
    close(quit)
  }

  private static func milliseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  private static func set(_ timer: Int32, at milliseconds: Int64, flags: Int32) {
    var spec = itimerspec()
    if milliseconds > 0 {
      // Up to the next millisecond: a timer that goes off early would find nothing due.
      spec.it_value.tv_sec = Int(milliseconds / 1000)
      spec.it_value.tv_nsec = Int(milliseconds % 1000) * 1_000_000
      if spec.it_value.tv_sec == 0, spec.it_value.tv_nsec == 0 { spec.it_value.tv_nsec = 1 }
    }
    timerfd_settime(timer, flags, &spec, nil)
  }
}

/// A system call that failed: its name and errno.
package struct SystemCallError: Error, Sendable, CustomStringConvertible {
  package var call: String
  package var errno: Int32

  package init(call: String, errno: Int32) {
    self.call = call
    self.errno = errno
  }

  package var description: String { "\(call): \(String(cString: strerror(errno)))" }
}
