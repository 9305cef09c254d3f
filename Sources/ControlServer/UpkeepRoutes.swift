import JobModel
import JobStore
import NIOCore
import NIOHTTP1
import Supervisor

/// What an administrator asks.
enum UpkeepRoutes {
  static let all = [
    Route(.GET, "/v1/doctor", kind: .long) { call throws(Problem) in
      try call.noParameters()
      return try .json(await call.service.doctor())
    },
    Route(.GET, "/v1/backup", kind: .long) { call throws(Problem) in
      try call.noParameters()
      let copy = try await call.service.backup(by: call.peer.uid)
      return .stream(contentType: "application/vnd.sqlite3", length: copy.size) { stream in
        var offset: Int64 = 0
        while offset < copy.size {
          let bytes = try await copy.read(from: offset, count: 256 << 10)
          // It has no name that anyone could cut it short by; but then the length that was told would be a lie.
          guard !bytes.isEmpty else { throw ReplyStream.Closed() }
          try await stream.write(ByteBuffer(bytes: bytes))
          offset += Int64(bytes.count)
        }
      }
    },
  ]
}
