/**
 * The beta function's family, as far as the gate needs it. Formulas: NIST Digital Library of Mathematical Functions,
 * 5.11 and 8.17; the coefficients of `logGamma` are Lanczos' (g = 7, n = 9), good to 15 digits.
 */

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const shifted = x - 1
  const base = shifted + 7.5
  const series = lanczos.reduce(
    (sum, weight, index) => (index === 0 ? weight : sum + weight / (shifted + index)),
    0,
  )
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series)
}

/** ln B(a, b) for a, b > 0. */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

/** ln of the upper tail 1 - I_x(a, b) of the beta distribution, accurate also where the tail is tiny. */
export function logUpperTail(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return -Infinity
  const front = a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)
  // The continued fraction converges fast on its own side of the mean; on the other, the complement is used.
  if (x < (a + 1) / (a + b + 2)) return Math.log1p(-Math.exp(front) * (continuedFraction(x, a, b) / a))
  return front + Math.log(continuedFraction(1 - x, b, a) / b)
}

/** The lower tail I_x(a, b) of the beta distribution. */
export function lowerTail(x: number, a: number, b: number): number {
  return Math.exp(logUpperTail(1 - x, b, a))
}

/** DLMF 8.17.22, by Lentz's method. */
function continuedFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= 500; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    const step = d * c
    fraction *= step
    if (Math.abs(step - 1) < 1e-14) break
  }
  return fraction
}
