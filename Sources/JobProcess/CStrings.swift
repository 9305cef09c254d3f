/// The argument or environment of a program: a null-terminated array of pointers into one block of memory.
@safe struct CStrings: ~Copyable {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let block: UnsafeMutablePointer<CChar>

  /// Nil where a string holds a NUL, which no program could be given.
  init?(_ strings: [String]) {
    var count = 0
    for string in strings {
      if string.utf8.contains(0) { return nil }
      count += string.utf8.count + 1
    }
    unsafe block = .allocate(capacity: max(count, 1))
    unsafe pointers = .allocate(capacity: strings.count + 1)
    var next = unsafe block
    for (index, string) in strings.enumerated() {
      unsafe pointers[index] = next
      for byte in string.utf8 {
        unsafe next.pointee = CChar(bitPattern: byte)
        unsafe next += 1
      }
      unsafe next.pointee = 0
      unsafe next += 1
    }
    unsafe pointers[strings.count] = nil
  }

  deinit {
    unsafe pointers.deallocate()
    unsafe block.deallocate()
  }
}
