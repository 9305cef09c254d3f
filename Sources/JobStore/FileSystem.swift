import Glibc

/// The file system that a directory lies on, by the name that the kernel gives its type (proc_pid_mountinfo(5)).
struct FileSystem: Sendable, Hashable {
  enum Fitness: Sendable, Hashable {
    case fit
    /// It serves, but not as one would think.
    case doubtful(String)
    /// SQLite's WAL needs memory that is shared by all who have the file open, and locks that hold:
    /// https://www.sqlite.org/wal.html, https://www.sqlite.org/faq.html#q5. A sync must reach a disk.
    case network
  }

  var type: String

  /// Nil where it cannot be told: /proc is not mounted.
  init?(of directory: String) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard let info = Self.text("/proc/self/fdinfo/\(descriptor)"), let mounts = Self.text("/proc/self/mountinfo"),
      let line = info.split(separator: "\n").first(where: { $0.hasPrefix("mnt_id:") }),
      let type = Self.type(ofMount: line.dropFirst(7).filter(\.isNumber), in: mounts)
    else { return nil }
    self.type = type
  }

  init(type: String) { self.type = type }

  /// What is free for users on the file system of a directory; nil where that cannot be told.
  static func freeBytes(at directory: String) -> Int64? {
    var room = statvfs()
    guard statvfs(directory, &room) == 0 else { return nil }
    return Int64(room.f_bavail) * Int64(room.f_frsize)
  }

  /// The type of the mount with this number.
  static func type(ofMount number: String, in mountinfo: String) -> String? {
    for line in mountinfo.split(separator: "\n") {
      let fields = line.split(separator: " ")
      // The optional fields end with a hyphen, which the type follows.
      guard fields.first.map(String.init) == number, fields.count > 6, let hyphen = fields[6...].firstIndex(of: "-"),
        hyphen + 1 < fields.count
      else { continue }
      return String(fields[hyphen + 1])
    }
    return nil
  }

  var fitness: Fitness {
    switch type {
    case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "ceph", "lustre", "gpfs", "beegfs",
      "gfs2", "ocfs2", "pvfs2", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs",
      "fuse.rclone", "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs", "fuse.gcsfuse", "fuse.juicefs", "fuse.smbnetfs",
      "fuse.goofys", "fuse.mount-s3", "fuse.blobfuse", "fuse.blobfuse2", "fuse.moosefs", "fuse.mfs", "fuse.lizardfs",
      "fuse.seaweedfs", "davfs":
      .network
    case "tmpfs", "ramfs", "rootfs": .doubtful("it is memory: a reboot leaves nothing of it")
    case "overlay": .doubtful("it is a container's own layer: it goes with the container")
    case "fuse", "fuse.sdcardfs": .doubtful("what lies behind a FUSE of this type is not known")
    case let type where type.hasPrefix("fuse."): .doubtful("what lies behind a FUSE of this type is not known")
    default: .fit
    }
  }

  private static func text(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
