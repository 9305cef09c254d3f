/// What a store tells of a disk that fails, beside refusing what is asked of it.
package enum StoreTrouble: Sendable {
  /// A commit could not be brought to the disk, and its callers wait.
  case failing(StoreError)
  /// It could, at the second try: nobody has noticed anything. What failed, in words.
  case mended(String)
}
