import FoundationEssentials
import SeededRandom
import Testing

@testable import JobStore

@Suite struct StringJSONTests {
  private static let pieces = [
    "", "a", "\"", "\\", "\n", "\u{0}", "\u{1F}", "\u{7F}", "ü", "日本", "👩‍👩‍👧", "\\u0041", "]", "}", ",", ":",
  ]

  @Test("what is written is JSON, and reads back as it was")
  func roundTrip() throws {
    let seed = testSeed()
    print("StringJSONTests: seed \(seed)")
    var random = SplitMix(seed: seed)
    func string() -> String {
      (0..<Int.random(in: 0..<5, using: &random)).map { _ in Self.pieces.randomElement(using: &random)! }.joined()
    }
    for _ in 0..<2000 {
      let array = (0..<Int.random(in: 0..<4, using: &random)).map { _ in string() }
      let object = Dictionary((0..<Int.random(in: 0..<4, using: &random)).map { _ in (string(), string()) }) { $1 }
      let (arrayText, objectText) = (StringJSON.text(array), StringJSON.text(object))
      #expect(try JSONDecoder().decode([String].self, from: Data(arrayText.utf8)) == array)
      #expect(try JSONDecoder().decode([String: String].self, from: Data(objectText.utf8)) == object)
      #expect(StringJSON.array(arrayText) == array)
      #expect(StringJSON.object(objectText) == object)
      // A text that is cut off is no text of ours.
      #expect(StringJSON.array(String(arrayText.dropLast())) == nil)
      #expect(StringJSON.object(String(objectText.dropLast())) == nil)
    }
  }

  @Test(
    "anything else is refused", arguments: ["", "[", "]", "{}", "[1]", "[\"a\",]", "[\"a\"]x", "[\"\\u00\"]", "[\"a\\"])
  func refused(_ text: String) {
    #expect(StringJSON.array(text) == nil)
  }
}
