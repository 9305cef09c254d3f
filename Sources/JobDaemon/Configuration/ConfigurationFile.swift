import Dispatch
import FoundationEssentials
import Glibc
import Supervisor

/// The file that the configuration is read from, at the start and again at each reload.
package struct ConfigurationFile: Sendable, Hashable {
  package var path: String
  /// A person named it: then it must be there. One at a default place may be absent.
  package var isNamed: Bool

  package init(path: String, isNamed: Bool) {
    self.path = path
    self.isNamed = isNamed
  }

  /// The largest file that is read: far over what anybody writes, far under what would hurt.
  static let most = 1 << 20

  /// Reads the file, or gives the built-in values where it is absent and may be. Blocks: for the start, before
  /// anything else runs.
  package func load() throws(ConfigurationError) -> Loaded {
    guard let bytes = try read() else {
      return Loaded(configuration: of(Configuration(cores: Self.cores)), isPresent: false)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw complaint("the file is not UTF-8")
    }
    return Loaded(configuration: of(try Configuration(yaml: text, file: path, cores: Self.cores)), isPresent: true)
  }

  /// What is said of the configuration names this file.
  private func of(_ configuration: Configuration) -> Configuration {
    var configuration = configuration
    configuration.supervisor.file = path
    return configuration
  }

  package struct Loaded: Sendable {
    package var configuration: Configuration
    /// False where the built-in values are in force.
    package var isPresent: Bool
  }

  /// As `load`, on a thread of its own: for a reload, while the daemon works.
  package func reload() async throws(ConfigurationError) -> Loaded {
    let result: Result<Loaded, ConfigurationError> = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: Result { () throws(ConfigurationError) in try load() })
      }
    }
    return try result.get()
  }

  /// Nil where the file is absent and may be.
  private func read() throws(ConfigurationError) -> [UInt8]? {
    // Not to wait for whoever might write to a pipe: that is what a reload would do for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT, !isNamed { return nil }
      throw complaint("cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFIFO else {
      throw complaint("is a pipe; a file is expected, which is read again at each reload")
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw complaint("cannot be read: \(String(cString: strerror(errno)))")
      }
      bytes += buffer[..<count]
      guard bytes.count <= Self.most else { throw complaint("the file is over \(Self.most) bytes") }
    }
  }

  private func complaint(_ message: String) -> ConfigurationError {
    ConfigurationError(file: path, [Complaint(line: nil, key: nil, message: message)])
  }

  /// The processors that this process may use, which a container or taskset(1) may have made fewer.
  private static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }
}
