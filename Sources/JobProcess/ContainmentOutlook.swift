import Glibc

extension ProcessRunner {
  /// What a runner that is made by this process would most likely find, without making anything: how trees are kept
  /// together, and where, or why not better. Blocks for a moment.
  package static func outlook() -> (containment: Containment, note: String) {
    do throws(ProcessError) {
      let base = try CgroupParent.base()
      guard unsafe access(base, W_OK | X_OK) == 0 else {
        throw ProcessError("no cgroup can be made in \"\(base)\"", errno: errno, call: "access")
      }
      // Linux 5.14; the root of the hierarchy never has it.
      let hasKill = System.exists("\(base)/cgroup.kill") || !System.exists("\(base)/cgroup.events")
      guard hasKill else {
        throw ProcessError("the kernel is too old: cgroup.kill came with Linux 5.14", errno: ENOENT, call: base)
      }
      return (.cgroup, "can be made in \(base)")
    } catch {
      return (.session, error.message)
    }
  }
}
