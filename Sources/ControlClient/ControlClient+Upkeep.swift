/// What an administrator asks.
extension ControlClient {
  /// `GET /v1/doctor`: how the daemon is. Reads its disk, and may take some seconds.
  package func doctor() throws(ClientError) -> [UInt8] { try send(HTTPRequest("GET", "/v1/doctor")) }

  /// `GET /v1/backup`: the database as of one moment, as it comes. Nothing comes before the copy is whole.
  package func backup() throws(ClientError) -> ReplyStream { try stream(HTTPRequest("GET", "/v1/backup")) }
}
