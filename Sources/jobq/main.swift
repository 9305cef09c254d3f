import JobCommands

JobQ.start(Array(CommandLine.arguments.dropFirst()))
