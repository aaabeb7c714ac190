const factors: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** A Kubernetes quantity (`250m`, `512Mi`, `1e3`) as a number of its base unit; 0 when it is not there. */
export function parseQuantity(text: string | number | undefined): number {
  if (text === undefined) return 0
  const match = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(String(text))
  if (!match) return 0
  return Number(match[1]) * (factors[match[2] ?? ''] ?? 1)
}
