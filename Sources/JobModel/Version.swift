/// The version of jobq, told by `--version` and `GET /v1/status`.
package enum JobQVersion {
  package static let current = "0.1.0"
}
