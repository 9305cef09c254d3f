import JobCommands

JobqProgram.main()
