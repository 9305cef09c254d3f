import Glibc
import JobModel

/// A file to be read from its beginning, or standard input. Blocking; closed with the object.
final class InputFile {
  /// As messages name it.
  let name: String
  private let descriptor: Int32
  private let isOurs: Bool

  /// - Parameter path: `-` for standard input.
  init(_ path: String) throws(Failure) {
    isOurs = path != "-"
    name = isOurs ? path.printable : "standard input"
    descriptor = isOurs ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
    guard descriptor >= 0 else { throw .usage("\(name): \(String(cString: strerror(errno)))") }
  }

  deinit { if isOurs, descriptor >= 0 { close(descriptor) } }

  /// In bytes, where it is a regular file that is read from its beginning.
  var size: Int64? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(status.st_size) - Int64(max(0, lseek(descriptor, 0, SEEK_CUR)))
  }

  /// The next bytes, at most 256 KiB; empty at the end.
  func read() throws(Failure) -> [UInt8] {
    while true {
      var count = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, filled in
        count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        filled = max(count, 0)
      }
      if count >= 0 { return bytes }
      guard errno == EINTR else { throw .usage("\(name): \(String(cString: strerror(errno)))") }
    }
  }

  /// All of it; one byte more than `limit` at most is enough to see that it is too much.
  func readAll(upTo limit: Int) throws(Failure) -> [UInt8] {
    var all: [UInt8] = []
    while all.count <= limit {
      let bytes = try read()
      if bytes.isEmpty { break }
      all += bytes
    }
    return all
  }
}
