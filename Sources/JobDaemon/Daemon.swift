/// The wiring: which part is made with which, and in which order they start and stop.
enum Daemon {
  /// Runs until it is told to stop. Returns after an orderly stop.
  static func run(_ launch: Launch) async throws(StartError) {
    throw StartError(.fault, "this build holds no supervisor")
  }

  /// What only the parts themselves know, for `--doctor`.
  static func facts(_ launch: Launch) async -> [(String, String)] { [] }
}
