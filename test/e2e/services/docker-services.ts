import { programImage } from './images.ts'
import { answer } from './manifests.ts'
import type { ForeignService } from './service.ts'

export const python: ForeignService = {
  name: 'python',
  because: 'Python that answers 503 for its first seconds and counts in a volume, on Docker',
  image: programImage('python', {
    'app.py': `import http.server, json, os, pathlib, signal, sys, time

born = time.monotonic()
counter = pathlib.Path('/data/count')

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def send(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/ready':
            warm = time.monotonic() - born > 3 and os.environ.get('DATABASE') != 'gone'
            return self.send(200 if warm else 503, {'ready': warm})
        self.send(200, {'count': int(counter.read_text()) if counter.exists() else 0})

    def do_POST(self):
        counter.write_text(str(1 + (int(counter.read_text()) if counter.exists() else 0)))
        self.do_GET()

    def log_message(self, *arguments):
        pass

signal.signal(signal.SIGTERM, lambda *arguments: sys.exit(0))
http.server.ThreadingHTTPServer(('', 8000), Handler).serve_forever()
`,
  }),
  target: { kind: 'docker', ports: '8000', volumes: ['/data'] },
  health: '/ready',
  page: { path: '/count', status: 200 },
  files: {
    good: () => ({ 'docker.env': 'DATABASE=there\n' }),
    faulty: () => ({ 'docker.env': 'DATABASE=gone\n' }),
  },
  state: {
    write: async url => {
      await answer(`${url}/count`, { method: 'POST' })
    },
    read: url => answer(`${url}/count`),
    holds: '"count": 1',
  },
}

export const pushgateway: ForeignService = {
  name: 'pushgateway',
  because: 'a program with its own health paths that keeps its state in memory and in a file, on Docker',
  image: programImage('prometheus-pushgateway'),
  faultyImage: programImage('prometheus-pushgateway', {}, ['--no-such-flag']),
  target: { kind: 'docker', ports: '9091', volumes: [] },
  health: '/-/healthy',
  page: { path: '/metrics', status: 200 },
  files: {
    good: () => ({ 'docker.env': 'SOME=thing\n' }),
    faulty: () => ({ 'docker.env': 'SOME=thing\n' }),
  },
}
