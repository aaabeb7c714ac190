/** What people type who are asked for something long: words about secrets, rows of a keyboard, and counting. */
const expected = [
  'secretpasswordtokenproductionstagingdevelopmentchangethisminimumcharacterslongcomplexsupersecurekeyjwtsigning',
  'qwertyuiopasdfghjklzxcvbnm',
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890123456789',
].flatMap(row => [row, Array.from(row).reverse().join('')])

/** Shorter repetitions come by chance: in 64 characters of base64, four alike are found again once in 8,000 times. */
const leastMatch = 4
/** What it takes to say where a repetition stands and how long it is. */
const bitsOfMatch = 10
/** English text of some length, letter by letter, as Shannon estimated it in 1951: 1 to 2 bits; the upper bound. */
const bitsOfProse = 2

/**
 * About how many bits of chance a secret holds: what is left of Shannon's estimate from how often each character comes,
 * after everything that came before, or that people are known to type, was taken for one guess (as LZ77 does). Random text
 * of 64 characters has 256 bits (hexadecimal) and more; words, repetitions and counting have few.
 */
export function bitsOf(secret: string): number {
  if (secret === '') return 0
  const perCharacter = Math.min(bitsPerCharacter(secret), isProse(secret) ? bitsOfProse : Infinity)
  const folded = secret.toLowerCase()
  const known = `${expected.join('\n')}\n`
  let bits = 0
  for (let at = 0; at < folded.length;) {
    const length = longestMatch(known + folded.slice(0, at), folded.slice(at))
    bits += length < leastMatch ? perCharacter : Math.min(bitsOfMatch, length * perCharacter)
    at += length < leastMatch ? 1 : length
  }
  return bits
}

function longestMatch(before: string, ahead: string): number {
  let length = 0
  while (length < ahead.length && before.includes(ahead.slice(0, length + 1))) length++
  return length
}

function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => {
    const share = count / text.length
    return sum - share * Math.log2(share)
  }, 0)
}

/** How often letters come in English, in per cent (Lewand, Cryptological Mathematics, 2000), from a to z. */
const english = [
  8.2, 1.5, 2.8, 4.3, 12.7, 2.2, 2.0, 6.1, 7.0, 0.15, 0.77, 4.0, 2.4, 6.7, 7.5, 1.9, 0.095, 6.0, 6.3, 9.1,
  2.8, 0.98, 2.4, 0.15, 2.0, 0.074,
]
/** English averages -4.2; letters drawn by lot -5.6, 30 of them with a deviation of 0.35. */
const proseLikelihood = -4.6
const fewestLetters = 30

/** Words one after the other: letters of one case in runs, that come as often as in English. */
function isProse(text: string): boolean {
  const runs = text.match(/[A-Z]?[a-z]+|[A-Z]+/g) ?? []
  const letters = runs.join('').toLowerCase()
  if (letters.length < fewestLetters || letters.length / runs.length < 3.5) return false
  const likelihood = Array.from(letters).reduce(
    (sum, letter) => sum + Math.log2((english[letter.charCodeAt(0) - 97] ?? 1) / 100),
    0,
  )
  return likelihood / letters.length > proseLikelihood
}
