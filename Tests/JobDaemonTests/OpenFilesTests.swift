import Testing

@testable import JobDaemon

@Suite("The limit of descriptors")
struct OpenFilesTests {
  @Test(
    "connections leave room for the daemon's own files, for running attempts, and for those that are refused",
    arguments: [64, 128, 256, 1024, 1060, 4096, 1 << 20])
  func connections(descriptors: Int) {
    for workers in [1, 2, 8] {
      let most = OpenFiles.connections(atMost: 1024, workers: workers, descriptors: descriptors)
      #expect(16...1024 ~= most)
      #expect(most == 16 || most + max(most / 16, 1) + 64 + 8 * workers <= descriptors)
      #expect(descriptors < 4096 || most == 1024)
    }
  }
}
