/**
 * The names under which services of any language tell Prometheus how they are: the client libraries' own process
 * metrics (prometheus.io/docs/instrumenting/writing_clientlibs), prom-client's of Node.js, and the usual ones of HTTP.
 */
const wellKnown =
  /^(process_(resident_memory_bytes|cpu_seconds_total|open_fds|start_time_seconds)|nodejs_(eventloop_lag_(seconds|p99_seconds)|heap_size_used_bytes|active_handles_total)|http_requests?_total|http_request_duration_seconds_(count|sum)|http_server_requests_seconds_count)(\{|\s)/

const mostLines = 20

/**
 * The few lines of a `/metrics` text that every reader understands; none when the text is of another format.
 * @param text Prometheus' text format
 */
export function vitalSigns(text: string): string[] {
  const lines = text.split('\n').filter(line => wellKnown.test(line))
  const more = lines.length - mostLines
  return more > 0 ? [...lines.slice(0, mostLines), `... and ${more} more`] : lines
}
