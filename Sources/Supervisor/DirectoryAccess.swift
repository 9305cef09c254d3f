import Dispatch
import Glibc

/// Whether directories can be entered. The look is on a thread of its own: a directory may lie on a file system
/// that does not answer.
enum DirectoryAccess {
  private static let queue = DispatchQueue(label: "jobq.directories", attributes: .concurrent)

  /// The first, by name, that exists but that this process may not enter; nil where there is none. access(2).
  static func firstClosed(of directories: Set<String>) async -> String? {
    await withCheckedContinuation { continuation in
      queue.async {
        let closed = directories.sorted().first { access($0, X_OK) != 0 && errno == EACCES }
        continuation.resume(returning: closed)
      }
    }
  }
}
