import Dispatch
package import JobModel
import SQLite

extension SQLiteJobStore {
  /// How long the check of the contents may take: what it has not reached by then is said to be unchecked.
  private static let checkSeconds = 10

  /// On a thread and a connection of its own. The writer does not wait for it; the log is not emptied meanwhile.
  package func examine() async -> [Diagnosis.Finding] {
    let (path, signals) = (path, signals)
    return await examination.ask { answer in
      do throws(StoreError) {
        try StoreThread.start("jobq-doctor") {
          answer(StoreExamination.findings(of: path) { Self.check(path, signals) })
        }
      } catch {
        answer([Diagnosis.Finding(.bad, "database", error.message)])
      }
    }
  }

  private static func check(_ path: String, _ signals: StoreSignals) -> Diagnosis.Finding {
    if let damage = signals.damage { return Diagnosis.Finding(.bad, "database", damage.message) }
    do throws(SQLiteError) {
      let connection = try openReader(path)
      connection.cancel { signals.isClosing || signals.isRepairing }
      let bound = DispatchWorkItem { [interrupter = connection.interrupter] in interrupter.interrupt() }
      defer { bound.cancel() }
      DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(checkSeconds), execute: bound)
      let version = try connection.value("PRAGMA user_version", as: Int.self) ?? 0
      let size = try connection.value(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", as: Int64.self)
      let described = "\(path), schema \(version), \(Diagnosis.size(size ?? 0))"
      do throws(SQLiteError) {
        if let flaw = try DatabaseFile.flaw(connection) {
          let damage = StoreError.damaged("\(path): \(flaw)")
          signals.note(damage: damage)
          return Diagnosis.Finding(.bad, "database", damage.message)
        }
      } catch  where error.isInterrupt {
        return Diagnosis.Finding(
          .warn, "database", "\(described): quick_check found no fault in \(checkSeconds) s, and was not done then",
          advice: "stop jobqd and run `jobqd --doctor` for a whole check")
      }
      return Diagnosis.Finding(.ok, "database", "\(described): quick_check finds no fault")
    } catch {
      let told = StoreError.storage(error, path)
      if error.isDamage { signals.note(damage: told) }
      return Diagnosis.Finding(.bad, "database", told.message)
    }
  }
}
