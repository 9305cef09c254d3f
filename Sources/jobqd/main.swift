import JobDaemon

await DaemonCommand.start()
