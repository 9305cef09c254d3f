extension EnqueueCommand {
  /// Reads a line of `enqueue` on which every option is known and has a value that can be; nil for any other: then
  /// ArgumentParser reads it, and says what is wrong.
  ///
  /// `enqueue` stands in the inner loop of scripts, and ArgumentParser spends four fifths of its instructions on
  /// finding out by reflection what the commands declare. What is declared is still the truth:
  /// `EnqueuePlainTests` holds this reader against ArgumentParser's over random lines.
  /// - Parameter words: with `--` before the job's own command, as `CommandWords.separated` puts it.
  init?(plain words: [String]) {
    guard words.first == "enqueue" else { return nil }
    var said = Said()
    var rest = words.dropFirst()
    var command: [String] = []
    while let word = rest.popFirst() {
      if word == "--" {
        command = Array(rest)
        break
      }
      if said.take(flag: word) { continue }
      let (name, joined) = Self.split(word)
      guard let value = joined ?? rest.popFirst(), joined != "" else { return nil }
      // Unlike the job's options, this one takes no word for its value that looks like an option.
      if name == "--socket", joined == nil, value.hasPrefix("-") { return nil }
      do { guard try said.take(name, value) else { return nil } } catch { return nil }
    }
    guard said.options.delay == nil || said.options.at == nil else { return nil }
    self.init()
    (options, then, from, common, self.command) = (said.options, said.then, said.from, said.common, command)
  }

  /// `--queue=mail` in two.
  private static func split(_ word: String) -> (name: String, value: String?) {
    guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else { return (word, nil) }
    return (String(word[..<equals]), String(word[word.index(after: equals)...]))
  }

  /// What the line has said so far.
  private struct Said {
    var options = JobOptions.unsaid
    var then = AfterEnqueue.unsaid
    var common = CommonOptions.unsaid
    var from: String?

    /// False where the word is no flag.
    mutating func take(flag word: String) -> Bool {
      switch word {
      case "--inherit-env": options.inheritEnv = true
      case "--split-output": options.splitOutput = true
      case "--hold": options.hold = true
      case "--wait": then.waits = true
      case "--follow": then.follows = true
      case "--json": common.json = true
      default: return false
      }
      return true
    }

    /// False where there is no such option; throws where the value cannot be.
    mutating func take(_ name: String, _ value: String) throws -> Bool {
      switch name {
      case "-q", "--queue": options.queue = try Values.queue(value)
      case "-n", "--name": options.name = value
      case "-l", "--label": options.label.append(try Values.label(value))
      case "-p", "--priority": options.priority = try Values.priority(value)
      case "--delay": options.delay = try Values.span(value)
      case "--at": options.at = try Values.startTime(value)
      case "--timeout": options.timeout = try Values.span(value)
      case "--kill-grace": options.killGrace = try Values.span(value)
      case "--retries": options.retries = try Values.retries(value)
      case "--backoff": options.backoff = try Values.span(value)
      case "--backoff-max": options.backoffMax = try Values.span(value)
      case "--backoff-kind": options.backoffKind = try Values.backoffKind(value)
      case "--retry-on": options.retryOn = try Values.exitCodes(value)
      case "--no-retry-on": options.noRetryOn = try Values.exitCodes(value)
      case "--on-interrupt": options.onInterrupt = try Values.onInterrupt(value)
      case "--cwd": options.cwd = value
      case "-e", "--env": options.env.append(value)
      case "--umask": options.umask = value
      case "--stdin": options.stdin = value
      case "--unique": options.unique = value
      case "--payload": options.payload = value
      case "--after": options.after.append(try Values.ids(value))
      case "--after-any": options.afterAny.append(try Values.ids(value))
      case "--from": from = value
      case "--socket": common.socket = value
      default: return false
      }
      return true
    }
  }
}

// A property that ArgumentParser has not filled in may not be read until it has been set.

extension JobOptions {
  fileprivate static var unsaid: JobOptions {
    var options = JobOptions()
    (options.queue, options.name, options.label, options.priority) = (nil, nil, [], nil)
    (options.delay, options.at, options.timeout, options.killGrace) = (nil, nil, nil, nil)
    (options.retries, options.backoff, options.backoffMax, options.backoffKind) = (nil, nil, nil, nil)
    (options.retryOn, options.noRetryOn, options.onInterrupt) = (nil, nil, nil)
    (options.cwd, options.env, options.inheritEnv, options.umask, options.stdin) = (nil, [], false, nil, nil)
    (options.unique, options.after, options.afterAny) = (nil, [], [])
    (options.splitOutput, options.hold, options.payload) = (false, false, nil)
    return options
  }
}

extension AfterEnqueue {
  fileprivate static var unsaid: AfterEnqueue {
    var then = AfterEnqueue()
    (then.waits, then.follows) = (false, false)
    return then
  }
}

extension CommonOptions {
  fileprivate static var unsaid: CommonOptions {
    var common = CommonOptions()
    (common.socket, common.json) = (nil, false)
    return common
  }
}
