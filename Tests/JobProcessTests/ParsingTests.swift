import JobModel
import Testing

@testable import JobProcess

@Suite("What the kernel's text files say") struct ParsingTests {
  @Test("A program's name may hold parentheses and spaces")
  func stat() throws {
    let text = "42 (a) S (b) Z 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3"
    let entry = try #require(ProcessTable.parse(Array(text.utf8), pid: 42))
    #expect(entry.parent == 7 && entry.group == 8 && entry.session == 9 && entry.startTime == 98765 && entry.isZombie)
    #expect(ProcessTable.parse(Array("42 (a".utf8), pid: 42) == nil)
    #expect(ProcessTable.parse(Array("42 (a) S 1 2".utf8), pid: 42) == nil)
  }

  @Test("The v2 hierarchy is found on unified and hybrid machines, and in a path with spaces")
  func mounts() {
    let text = """
      31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
      32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 master:1 - cgroup2 cgroup2 rw
      42 31 0:38 /a /mnt/my\\040groups rw - cgroup2 cgroup2 rw
      """
    let mounts = CgroupParent.mounts(in: text)
    #expect(mounts.map(\.point) == ["/sys/fs/cgroup/unified", "/mnt/my groups"])
    #expect(mounts.map(\.root) == ["/", "/a"])
  }

  @Test("A mark is read as a whole or not at all")
  func marks() {
    let key = AttemptKey(id: JobID(12), attempt: 3)
    let mark = ProcessMark(store: "a-b", key: key)
    #expect(mark.value == "a-b/12/3" && mark.cgroupName == "a-b.12.3")
    #expect(ProcessMark(value: mark.value) == mark && ProcessMark(cgroupName: mark.cgroupName) == mark)
    let hook = ProcessMark(store: "a-b", key: AttemptKey(id: JobID(12), attempt: 3, kind: .hook))
    #expect(hook != mark && hook.value == "a-b/12/3/hook" && hook.cgroupName == "a-b.12.3.hook")
    #expect(ProcessMark(value: hook.value) == hook && ProcessMark(cgroupName: hook.cgroupName) == hook)
    for text in ["a/1", "a/1/2/3", "a/1/2/hook/hook", "a/1/hook", "/1/2", "a/x/1", "a/0/1", "a/1/"] {
      #expect(ProcessMark(value: text) == nil)
    }
    #expect(ProcessMark(environment: Array("XJOBQ_MARK=x/1/1\0JOBQ_MARK=a-b/12/3\0Z=1\0".utf8)) == mark)
    #expect(ProcessMark(environment: Array("A=1\0".utf8)) == nil)
  }

  @Test("A program is looked for as execvp does")
  func candidates() {
    #expect(Spawner.candidates("a/b", path: "/x") == ["a/b"])
    #expect(Spawner.candidates("a", path: "/x::/y") == ["/x/a", "a", "/y/a"])
    #expect(Spawner.candidates("a", path: nil) == ["/bin/a", "/usr/bin/a"])
    #expect(Spawner.candidates("", path: "/x") == [""])
  }

  @Test("The kills for want of memory are counted in both of the kernel's forms")
  func outOfMemory() {
    #expect(OutOfMemoryCounter.count(in: Array("low 0\nhigh 0\noom 2\noom_kill 1\noom_group_kill 0\n".utf8)) == 1)
    #expect(OutOfMemoryCounter.count(in: Array("pgfault 9\n".utf8)) == nil)
  }
}
