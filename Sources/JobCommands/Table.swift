struct Cell: Hashable {
  var text: String
  var colour: Colour?

  init(_ text: String, _ colour: Colour? = nil) {
    self.text = text
    self.colour = colour
  }
}

/// Rows in columns. On a terminal the last column is cut where the line would not fit; elsewhere nothing is.
struct Table {
  enum Column {
    case left(String)
    case right(String)

    var title: String {
      switch self {
      case .left(let title), .right(let title): title
      }
    }
  }

  private let columns: [Column]
  private var rows: [[Cell]]
  private static let gap = 2
  /// So many columns of the last one are always shown.
  private static let least = 12

  init(_ columns: [Column]) {
    self.columns = columns
    rows = [columns.map { Cell($0.title, .bold) }]
  }

  mutating func add(_ row: [Cell]) {
    precondition(row.count == columns.count, "a row has a cell for each column")
    rows.append(row)
  }

  func text(_ terminal: Terminal) -> String {
    var widths = columns.indices.map { column in rows.map { $0[column].text.displayWidth }.max() ?? 0 }
    if let width = terminal.width, let last = widths.last {
      let rest = widths.dropLast().reduce(0) { $0 + $1 + Table.gap }
      widths[widths.count - 1] = min(last, max(Table.least, width - rest))
    }
    var text = ""
    for row in rows {
      var line = ""
      for (index, cell) in row.enumerated() {
        let content = cell.text.cut(to: widths[index])
        let padding = String(repeating: " ", count: widths[index] - content.displayWidth)
        let coloured = terminal.hasColour ? content.coloured(cell.colour) : content
        if index > 0 { line += String(repeating: " ", count: Table.gap) }
        if case .right = columns[index] {
          line += padding + coloured
        } else {
          // Nothing stands behind the last column: no spaces either.
          line += coloured + (index == row.count - 1 ? "" : padding)
        }
      }
      text += line + "\n"
    }
    return text
  }
}

extension String {
  /// Columns on a terminal: two for East Asian wide characters and emoji, by the great blocks of Unicode's EastAsianWidth.
  var displayWidth: Int {
    // Most text is ASCII: count bytes.
    if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
    return reduce(0) { $0 + $1.displayWidth }
  }

  /// The text, or its beginning and an ellipsis where it is wider.
  func cut(to width: Int) -> String {
    guard displayWidth > width else { return self }
    var left = width - 1
    let beginning = prefix { character in
      left -= character.displayWidth
      return left >= 0
    }
    return beginning + "…"
  }

  func coloured(_ colour: Colour?) -> String {
    guard let colour, !isEmpty else { return self }
    return "\u{1B}[\(colour.rawValue)m\(self)\u{1B}[0m"
  }
}

extension Character {
  fileprivate var displayWidth: Int {
    guard let scalar = unicodeScalars.first else { return 0 }
    return switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      2
    default: 1
    }
  }
}
