import Glibc

/// A failed system call: what was tried, as a person would say it, and why the kernel refused.
package struct ProcessError: Error, Sendable, Hashable, CustomStringConvertible {
  /// "cannot …", with the path or the name that it was about.
  package var tried: String
  package var errno: Int32
  /// The system call, by its name in section 2 of the manual.
  package var call: String

  package init(_ tried: String, errno: Int32, call: String) {
    self.tried = tried
    self.errno = errno
    self.call = call
  }

  init(_ tried: String, _ failure: Failure) {
    self.init(tried, errno: failure.errno, call: failure.call)
  }

  /// `cannot run "fooo": no such file or directory (execve)`.
  package var message: String { "\(tried): \(Failure.reason(errno)) (\(call))" }
  package var description: String { message }
}

/// What a system call answered, before it is known what it was for.
struct Failure: Error, Equatable {
  var errno: Int32
  var call: String

  /// Whether the kernel could not say, for want of memory or descriptors: no answer, and never to be taken for one.
  var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno) }

  /// What `body` looks up; nil where it is gone, or not for this process to see. Throws where the kernel could not say.
  static func ifThere<Value>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value? {
    do throws(Failure) { return try body() } catch {
      if error.isShortage { throw error }
      return nil
    }
  }

  /// The text of errno(3), in the lower case of the middle of a sentence.
  static func reason(_ errno: Int32) -> String {
    let text = unsafe String(cString: strerror(errno))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
