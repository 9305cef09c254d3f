import CStorageShim
import Foundation

/// What a disk holds as operations reach it: for each file what has been synced, and what has only been written since.
struct DiskImage {
  private struct File {
    var synced: [UInt8] = []
    var pending: [shim_operation] = []
  }

  private var files: [String: File] = [:]
  /// Which syncs of the WAL are done.
  enum LogSyncs: Sendable {
    case all
    /// Those of `PRAGMA synchronous = NORMAL`: before the WAL is copied into the database, and not at a commit.
    case beforeCheckpoints
    /// None: what a disk leaves that lies.
    case none
  }

  let logSyncs: LogSyncs

  /// Begins with what lies in `directory` now, all of it synced.
  init(of directory: String, logSyncs: LogSyncs = .all) throws {
    self.logSyncs = logSyncs
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) where Self.outlives(name) {
      files[name] = File(synced: Array(try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))))
    }
  }

  /// The database and its WAL. Shared memory does not outlive a power cut, and a lock is nothing on disk.
  private static func outlives(_ name: String) -> Bool { name.hasSuffix(".db") || name.hasSuffix("-wal") }

  enum Loss: CaseIterable {
    /// Nothing that was not synced is there.
    case everything
    /// All of it is.
    case nothing
    /// Some writes are, whatever their order.
    case some
    /// Some sectors of some writes are.
    case torn
  }

  private static let sector = 512

  mutating func perform(_ operation: shim_operation) {
    let name = withUnsafeBytes(of: operation.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard Self.outlives(name) else { return }
    switch Int(operation.kind) {
    case SHIM_OPEN: files[name, default: File()].pending.append(contentsOf: [])
    case SHIM_WRITE, SHIM_TRUNCATE:
      if logSyncs == .beforeCheckpoints, !name.hasSuffix("-wal") { sync(name + "-wal") }
      files[name, default: File()].pending.append(operation)
    case SHIM_SYNC: if logSyncs == .all || !name.hasSuffix("-wal") { sync(name) }
    case SHIM_DELETE: files[name] = nil
    default: break
    }
  }

  private mutating func sync(_ name: String) {
    guard var file = files[name] else { return }
    for write in file.pending { Self.apply(write, to: &file.synced) }
    file.pending = []
    files[name] = file
  }

  /// Writes into `directory` what a power cut leaves now.
  func write(to directory: String, loss: Loss, using random: inout some RandomNumberGenerator) throws {
    for (name, file) in files {
      var bytes = file.synced
      for operation in file.pending {
        switch loss {
        case .everything: continue
        case .nothing: Self.apply(operation, to: &bytes)
        case .some: if Bool.random(using: &random) { Self.apply(operation, to: &bytes) }
        case .torn: Self.applyTorn(operation, to: &bytes, using: &random)
        }
      }
      try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name))
      chmod(directory + "/" + name, 0o600)
    }
  }

  private static func apply(_ operation: shim_operation, to bytes: inout [UInt8]) {
    if Int(operation.kind) == SHIM_TRUNCATE {
      resize(&bytes, to: Int(operation.offset))
    } else {
      put(
        UnsafeRawBufferPointer(start: operation.data, count: operation.length), at: Int(operation.offset), into: &bytes)
    }
  }

  private static func applyTorn(
    _ operation: shim_operation, to bytes: inout [UInt8], using random: inout some RandomNumberGenerator
  ) {
    guard Int(operation.kind) == SHIM_WRITE else {
      if Bool.random(using: &random) { apply(operation, to: &bytes) }
      return
    }
    let data = UnsafeRawBufferPointer(start: operation.data, count: operation.length)
    var start = 0
    while start < data.count {
      let offset = Int(operation.offset) + start
      let length = min(sector - offset % sector, data.count - start)
      if Bool.random(using: &random) {
        put(UnsafeRawBufferPointer(rebasing: data[start..<start + length]), at: offset, into: &bytes)
      }
      start += length
    }
  }

  private static func put(_ data: UnsafeRawBufferPointer, at offset: Int, into bytes: inout [UInt8]) {
    if bytes.count < offset + data.count { resize(&bytes, to: offset + data.count) }
    bytes.withUnsafeMutableBytes {
      UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset + data.count]).copyMemory(from: data)
    }
  }

  private static func resize(_ bytes: inout [UInt8], to count: Int) {
    if bytes.count > count {
      bytes.removeLast(bytes.count - count)
    } else {
      bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    }
  }
}
