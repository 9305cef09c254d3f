import JobModel

/// What a job waits for and what waits for it, as `status ID` draws it: what hangs on a job stands below it, further in.
enum GraphText {
  /// Empty where there is nothing on either side.
  static func text(_ graph: JobGraph, _ terminal: Terminal) -> String {
    text("waits for", graph.waitsFor, from: graph.id, terminal)
      + text("waited for by", graph.waitedForBy, from: graph.id, terminal)
  }

  private static func text(_ title: String, _ side: JobGraph.Side, from id: JobID, _ terminal: Terminal) -> String {
    guard !side.jobs.isEmpty else { return "" }
    let children = Dictionary(grouping: side.jobs, by: \.of)
    var text = "\n\(title)\n"
    // A stack of our own: the last to be drawn at its bottom.
    var open = (children[id] ?? []).reversed().map { (node: $0, depth: 1) }
    while let (node, depth) = open.popLast() {
      text += line(node, depth: depth, terminal) + "\n"
      open += (children[node.id] ?? []).reversed().map { ($0, depth + 1) }
    }
    if side.more > 0 { text += "  … and \(side.complete ? "" : "more than ")\(side.more) more\n" }
    return text
  }

  private static func line(_ node: JobGraph.Node, depth: Int, _ terminal: Terminal) -> String {
    let indent = String(repeating: "  ", count: min(depth, 20))
    let word = node.state?.rawValue ?? "removed"
    let state = terminal.hasColour ? word.coloured(node.state?.colour) : word
    let title = node.name?.printable ?? node.command.map(ShellWords.quoted) ?? (node.state == nil ? "" : "(payload)")
    let kind = node.kind == "after_any" ? " (however it ends)" : ""
    // What stands before the title, with a space behind each of the two words.
    let width = terminal.width.map { max(12, $0 - indent.count - "\(node.id)".count - word.count - kind.count - 2) }
    return "\(indent)\(node.id) \(state) \(width.map(title.cut(to:)) ?? title)\(kind)"
  }
}
