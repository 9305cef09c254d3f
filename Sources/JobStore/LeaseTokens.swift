import Glibc

/// The tokens of leases: 128 random bits each, so that nobody comes upon another's by chance, or by trying.
///
/// Drawn from the kernel 16 at a time, as many as getentropy(3) gives: two calls for each took a thirtieth of the writer's
/// time.
struct LeaseTokens {
  private static let bytes = 16
  private static let batch = 16

  private var drawn: [UInt8] = []

  mutating func next() -> String {
    if drawn.isEmpty { drawn = Self.draw() }
    let token = drawn.suffix(Self.bytes)
    drawn.removeLast(Self.bytes)
    let digits: StaticString = "0123456789abcdef"
    return String(unsafeUninitializedCapacity: 2 * Self.bytes) { text in
      for (place, byte) in token.enumerated() {
        text[2 * place] = digits.utf8Start[Int(byte >> 4)]
        text[2 * place + 1] = digits.utf8Start[Int(byte & 15)]
      }
      return 2 * Self.bytes
    }
  }

  private static func draw() -> [UInt8] {
    let count = bytes * batch
    let drawn = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = getentropy(buffer.baseAddress, count) == 0 ? count : 0
    }
    if drawn.count == count { return drawn }
    // Swift's own source knows what to do where the call is not there, or is refused.
    return (0..<count).map { _ in UInt8.random(in: .min ... .max) }
  }
}
