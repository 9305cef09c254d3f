import Glibc
import SQLite

/// A write-ahead log as bytes: what of it is whole (https://www.sqlite.org/fileformat2.html#walformat).
///
/// SQLite takes the log for ended at the first frame that is not whole, and goes on without the rest: after a power cut that
/// is right, since what was not synced may be torn, and what was synced lies before it. A log that is broken in another way
/// would lose acknowledged work without a word.
struct WriteAheadLog: Sendable, Hashable {
  enum State: Sendable, Hashable {
    /// All frames up to the end are whole; behind them may be what is left of an older log.
    case whole
    /// The header is none: no frame can be read. Zeros are none of those: a power cut can leave them.
    case noHeader
    /// Frame `number` (from 1) is not whole, and behind it lie the ends of `commits` transactions. A process that dies leaves
    /// no such thing: it writes frames in order, and what a rollback leaves behind has no end. A power cut can.
    case broken(number: Int, commits: Int)
  }

  var state: State
  /// How many from the first are whole, and part of a transaction whose end is too.
  var frames: Int

  private static let headerSize = 32
  private static let frameHeaderSize = 24

  /// Reads the file; nil where there is none, or one of no length. Blocks.
  init?(of path: String) throws(StoreError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw .system("open", path, errno)
    }
    defer { close(descriptor) }
    var failure: Int32 = 0
    let found = Self.look { count, offset in
      var bytes = [UInt8](repeating: 0, count: count)
      let read = pread(descriptor, &bytes, count, off_t(offset))
      if read < 0 { failure = errno }
      return read == count ? bytes : nil
    }
    guard failure == 0 else { throw .system("read", path, failure) }
    guard let found else { return nil }
    self = found
  }

  /// Writes the whole file again as it is, for the next sync: after one that failed the kernel takes for written what it
  /// could not write (https://lwn.net/Articles/752063/). Takes no room. Blocks.
  static func rewrite(_ path: String) throws(SQLiteError) {
    let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system("open \(path)", errno) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    var offset: off_t = 0
    while true {
      let count = pread(descriptor, &bytes, bytes.count, offset)
      guard count != 0 else { return }
      guard count > 0, pwrite(descriptor, bytes, count, offset) == count else {
        throw .system("write \(path) again", errno)
      }
      offset += off_t(count)
    }
  }

  private init(_ state: State, frames: Int = 0) { (self.state, self.frames) = (state, frames) }

  /// - Parameter read: so many bytes at an offset; nil where there are fewer.
  static func look(_ read: (_ count: Int, _ offset: Int) -> [UInt8]?) -> WriteAheadLog? {
    guard let header = read(headerSize, 0) else { return nil }
    guard header.contains(where: { $0 != 0 }) else { return WriteAheadLog(.whole) }
    let magic = number(header, 0)
    let pageSize = Int(number(header, 8))
    guard magic & 0xFFFF_FFFE == 0x377F_0682, (512...65_536).contains(pageSize), pageSize & (pageSize - 1) == 0 else {
      return WriteAheadLog(.noHeader)
    }
    // The last bit says which way round the words of the sum are.
    var sum = Checksum(isBigEndian: magic & 1 == 1)
    sum.add(header[..<24])
    guard sum.matches(header, 24) else { return WriteAheadLog(.noHeader) }
    let salt = header[16..<24]

    var frames = 0
    var ended = 0
    var commits = 0
    var isBroken = false
    var offset = headerSize
    while let head = read(frameHeaderSize, offset), head[8..<16].elementsEqual(salt),
      let page = read(pageSize, offset + frameHeaderSize)
    {
      sum.add(head[..<8])
      sum.add(page[...])
      let isWhole = sum.matches(head, 16)
      if !isWhole { isBroken = true }
      if !isBroken { frames += 1 }
      // Of the frame that ends a transaction the second word is the size of the database.
      let isEnd = number(head, 4) != 0
      if isEnd, !isBroken { ended = frames }
      if isEnd, isBroken, isWhole { commits += 1 }
      // Behind a broken frame its own word is what the next one went on from.
      sum.continue(from: head, 16)
      offset += frameHeaderSize + pageSize
    }
    return WriteAheadLog(commits > 0 ? .broken(number: frames + 1, commits: commits) : .whole, frames: ended)
  }

  private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The sum that runs over the header and all frames.
  private struct Checksum {
    let isBigEndian: Bool
    var first: UInt32 = 0
    var second: UInt32 = 0

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    /// - Parameter bytes: a multiple of 8.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
      bytes.withUnsafeBytes { bytes in
        for offset in stride(from: 0, to: bytes.count, by: 8) {
          first &+= word(bytes, offset) &+ second
          second &+= word(bytes, offset + 4) &+ first
        }
      }
    }

    private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
      let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
    }

    mutating func `continue`(from bytes: [UInt8], _ offset: Int) {
      first = WriteAheadLog.number(bytes, offset)
      second = WriteAheadLog.number(bytes, offset + 4)
    }

    func matches(_ bytes: [UInt8], _ offset: Int) -> Bool {
      WriteAheadLog.number(bytes, offset) == first && WriteAheadLog.number(bytes, offset + 4) == second
    }
  }
}
