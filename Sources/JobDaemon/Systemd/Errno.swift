import Glibc

/// The error of the system call just made, errno(3).
struct Errno: Error, Hashable, CustomStringConvertible {
  var code: Int32

  init() { code = errno }

  var description: String { String(cString: strerror(code)) }
}
