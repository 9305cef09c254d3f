import JobModel
import JobStore
import NIOHTTP1
import Supervisor

/// Schedules: adding, looking, and what a person asks of one.
enum ScheduleRoutes {
  static let all = [
    Route(.GET, "/v1/schedules") { call throws(Problem) in
      try call.noParameters()
      return try await .largeJSON(ScheduleList(schedules: try await call.service.schedules(viewer: call.viewer)))
    },
    Route(.POST, "/v1/schedules") { call throws(Problem) in try await add(call, name: nil, isReplacing: false) },
    Route(.GET, "/v1/schedules/{name}") { call throws(Problem) in
      let runs = try call.parameters { query throws(Problem) in try query.integer("runs", in: 0...1000) }
      return try .json(
        try await call.service.schedule(call.captures[0], runs: Int(runs ?? 20), viewer: call.viewer))
    },
    Route(.PUT, "/v1/schedules/{name}") { call throws(Problem) in
      try await add(call, name: call.captures[0], isReplacing: true)
    },
    Route(.DELETE, "/v1/schedules/{name}") { call throws(Problem) in
      try call.noParameters()
      try await call.service.removeSchedule(call.captures[0])
      return .noContent
    },
    Route(.POST, "/v1/schedules/{name}/pause") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.pauseSchedule(call.captures[0], viewer: call.viewer))
    },
    Route(.POST, "/v1/schedules/{name}/resume") { call throws(Problem) in
      try call.noParameters()
      return try .json(try await call.service.resumeSchedule(call.captures[0], viewer: call.viewer))
    },
    Route(.POST, "/v1/schedules/{name}/run") { call throws(Problem) in
      try call.noParameters()
      let added = try await call.service.runSchedule(call.captures[0], viewer: call.viewer)
      return try .json(
        added.job, status: added.isNew ? .created : .ok, headers: [("location", "/v1/jobs/\(added.job.id)")])
    },
  ]

  private static func add(_ call: Call, name: String?, isReplacing: Bool) async throws(Problem) -> Reply {
    try call.noParameters()
    let (schedule, isNew) = try await call.service.add(
      try call.json(ScheduleRequest.self), name: name, isReplacing: isReplacing, by: call.peer.submitter)
    return try .json(
      schedule, status: isNew ? .created : .ok, headers: [("location", "/v1/schedules/\(schedule.name)")])
  }
}

struct ScheduleList: Codable, Sendable {
  var schedules: [ScheduleInfo]
}
