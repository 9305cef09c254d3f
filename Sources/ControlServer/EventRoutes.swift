import JobModel
import NIOCore
import NIOHTTP1
import Supervisor

/// Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
enum EventRoutes {
  static let all = [
    Route(.GET, "/v1/events", kind: .long) { call throws(Problem) in
      try call.noParameters()
      let feed = await call.service.events(after: call.headers.first(name: "last-event-id"))
      let heartbeat = call.limits.heartbeat
      return .stream(contentType: "text/event-stream") { stream in
        stream.repeatWhileQuiet(ByteBuffer(string: ":\n\n"), every: heartbeat)
        var feed = feed
        while true {
          let events = await feed.next()
          if events.isEmpty { return }
          try await stream.write(try text(of: events))
        }
      }
    }
  ]

  static func text(of events: [EventFeed.Event]) throws -> ByteBuffer {
    var text = ByteBuffer()
    for event in events {
      switch event {
      case .reset(let id):
        text.writeString("id: \(id)\nevent: reset\ndata: {}\n\n")
      case .change(let id, let change):
        text.writeString("id: \(id)\nevent: change\ndata: ")
        var data = try JSONWriter.bytes(change)
        text.writeBuffer(&data)
        text.writeStaticString("\n\n")
      }
    }
    return text
  }
}
