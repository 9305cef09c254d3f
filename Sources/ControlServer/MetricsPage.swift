import JobModel

/// A page in the Prometheus text format, version 0.0.4:
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
///
/// A family without samples is left out. Help texts are ours: they hold no backslash and no newline.
struct MetricsPage {
  typealias Labels = [(name: String, value: String)]

  private(set) var text = ""

  mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, Double)]) {
    family(name, "gauge", help, samples)
  }

  mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, Int)]) {
    family(name, "counter", help, samples.map { ($0, Double($1)) })
  }

  mutating func gauge(_ name: String, _ help: String, _ value: Double) { gauge(name, help, [([], value)]) }
  mutating func counter(_ name: String, _ help: String, _ value: Int) { counter(name, help, [([], value)]) }

  mutating func histogram(_ name: String, _ help: String, _ samples: [(Labels, Histogram)]) {
    guard !samples.isEmpty else { return }
    begin(name, "histogram", help)
    for (labels, histogram) in samples {
      for (bound, count) in histogram.cumulative {
        sample(name + "_bucket", labels + [("le", Self.number(bound))], Double(count))
      }
      sample(name + "_bucket", labels + [("le", "+Inf")], Double(histogram.count))
      sample(name + "_sum", labels, histogram.sum)
      sample(name + "_count", labels, Double(histogram.count))
    }
  }

  private mutating func family(_ name: String, _ kind: String, _ help: String, _ samples: [(Labels, Double)]) {
    guard !samples.isEmpty else { return }
    begin(name, kind, help)
    for (labels, value) in samples { sample(name, labels, value) }
  }

  private mutating func begin(_ name: String, _ kind: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
  }

  private mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",") + "}"
    }
    text += " \(Self.number(value))\n"
  }

  /// Whole numbers without a fraction, as every counter is.
  private static func number(_ value: Double) -> String {
    Int64(exactly: value).map(String.init) ?? value.description
  }

  /// A label's value: backslash, quotation mark and newline are escaped.
  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      switch character {
      case "\\": text += #"\\"#
      case "\"": text += #"\""#
      case "\n": text += #"\n"#
      default: text.append(character)
      }
    }
  }
}
