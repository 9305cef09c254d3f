import CSQLite
import Synchronization

/// Ends, from any thread, what its connection is doing (https://www.sqlite.org/c3ref/interrupt.html). What has ended by
/// itself, and a connection that is closed, it leaves alone.
///
/// A check of the contents asks the progress handler only from SQLite 3.42 on, but looks for this at each page.
@safe
package final class Interrupter: Sendable {
  private let handle: Mutex<UInt?>

  init(_ handle: OpaquePointer) { self.handle = Mutex(UInt(bitPattern: handle)) }

  package func interrupt() {
    handle.withLock { handle in
      // Valid: the connection takes its address back, under this lock, before it closes.
      if let handle, let connection = unsafe OpaquePointer(bitPattern: handle) { unsafe sqlite3_interrupt(connection) }
    }
  }

  func detach() { handle.withLock { $0 = nil } }
}
