import Foundation
import Glibc

/// A mount that the kernel says is of a network file system: a FUSE of type `fuse.sshfs` that has an empty directory of mode 0700 and
/// counts who wants to change something. As root; nil where there can be none.
final class NetworkFileSystem: Sendable {
  private let child: Child
  private let path: String

  init?(at path: String) async throws {
    self.path = path
    child = try Child("/usr/bin/python3", ["-c", Self.server, path], environment: ["PATH": "/usr/bin:/bin"])
    let end = Date().addingTimeInterval(20)
    while !child.output.contains("mounted") {
      if child.output.contains("refused") || Date() > end {
        await leave()
        return nil
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Unmounts. Gives what was asked of the mount beyond looking.
  @discardableResult
  func leave() async -> String {
    umount2(path, Int32(MNT_DETACH))
    child.send(SIGKILL)
    return await child.wait().out.split(separator: "\n").filter { $0.hasPrefix("changed") }.joined(separator: ",")
  }

  /// The kernel's side is include/uapi/linux/fuse.h: a header of 40 bytes in front of each request, one of 16 of each reply.
  private static let server = """
    import ctypes, os, struct, sys
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"host:/dir", sys.argv[1].encode(), b"fuse.sshfs", 0, options):
            raise OSError(ctypes.get_errno(), "mount")
    except OSError as error:
        print("refused", error, flush=True)
        sys.exit(1)
    print("mounted", flush=True)
    INIT, GETATTR, OPENDIR, STATFS, LOOKUP, RELEASEDIR, ACCESS, READDIR, FORGET = 26, 3, 27, 17, 1, 29, 34, 28, 2
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError:
            break
        length, opcode, unique = struct.unpack_from("IIQ", request)
        error, body = 0, b""
        if opcode == INIT:
            body = struct.pack("IIIIHHIIHH32x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0)[:64].ljust(64, b"\\0")
        elif opcode == GETATTR:
            body = struct.pack("QIIQQQQQQIIIIIIIII4x", 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40700, 2, 0, 0, 0, 4096)[:104]
        elif opcode == OPENDIR:
            body = struct.pack("QII", 1, 0, 0)
        elif opcode == STATFS:
            body = struct.pack("QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 1000, 900, 4096, 255, 4096, 0)
        elif opcode == LOOKUP:
            error = -2
        elif opcode == FORGET:
            continue
        elif opcode not in (RELEASEDIR, ACCESS, READDIR):
            print("changed", opcode, flush=True)
            error = -38
        os.write(device, struct.pack("IiQ", 16 + len(body), error, unique) + body)
    """
}
