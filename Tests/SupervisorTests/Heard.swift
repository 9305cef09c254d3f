import Logging

/// What a supervisor logs, for a test that waits for a word of it.
struct Heard: Sendable {
  private let lines: AsyncStream<String>
  let logger: Logger

  init() {
    let (lines, post) = AsyncStream.makeStream(of: String.self)
    self.lines = lines
    logger = Logger(label: "test") { _ in Ear(post: post) }
  }

  /// Returns once something has been logged that says this.
  func wait(for words: String) async {
    for await line in lines where line.contains(words) { return }
  }
}

private struct Ear: LogHandler {
  let post: AsyncStream<String>.Continuation
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { post.yield("\(event.message)") }
}
