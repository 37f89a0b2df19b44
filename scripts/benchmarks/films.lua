-- wrk posts a different film each time: the lines of a file, named after `--`, each a JSON body.
function init(args)
  local headers = { ["Content-Type"] = "application/json" }
  requests, place = {}, 0
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

-- The last line is the result; latencies in microseconds.
function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "median": %d, "p99": %d, "refused": %d, "failed": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
