/// The keys of an object as bytes, for finding a key that was read without making a string of it.
package struct JSONKeys<Field: CodingKey & CaseIterable & Sendable>: Sendable {
  let fields: [Field]
  private let names: [[UInt8]]
  /// The first eight bytes of each, packed: most searches end here.
  private let beginnings: [UInt64]

  /// - Precondition: `Field` has at most 64 cases.
  package init(_: Field.Type = Field.self) {
    fields = Array(Field.allCases)
    precondition(fields.count <= 64)
    names = fields.map { Array($0.stringValue.utf8) }
    beginnings = names.map { name in unsafe name.withUnsafeBufferPointer { unsafe Self.beginning($0) } }
  }

  /// Of the field whose key this is. A key that is written with an escape is not found: none of ours has a backslash.
  func index(of name: UnsafeBufferPointer<UInt8>) -> Int? {
    let beginning = unsafe Self.beginning(name)
    for index in beginnings.indices where beginnings[index] == beginning && names[index].count == name.count {
      if unsafe name.count <= 8 || names[index].elementsEqual(name) { return index }
    }
    return nil
  }

  private static func beginning(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var packed: UInt64 = 0
    for index in 0..<min(name.count, 8) { packed = packed << 8 | UInt64(unsafe name[index]) }
    return packed
  }
}
